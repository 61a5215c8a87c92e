"""What the registration engine needs to know about Syncs: body, references, and the server's own state of a sync."""
