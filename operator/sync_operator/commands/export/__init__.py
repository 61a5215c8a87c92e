"""`sync-operator export`."""
