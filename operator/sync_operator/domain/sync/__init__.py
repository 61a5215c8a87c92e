"""What the registration engine is told of Syncs: the body, its references, and the server's own state of a sync."""
