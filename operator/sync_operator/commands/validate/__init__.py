"""`sync-operator validate`."""
