"""`sync-operator plan`."""
