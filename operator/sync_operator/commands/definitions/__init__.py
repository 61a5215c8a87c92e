"""`sync-operator definitions`."""
