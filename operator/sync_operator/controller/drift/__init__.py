"""The drift check: compares a Workspace's Syncs with its server, by the lists that it reads."""
