"""The routes of the sync API and of the sandbox's control API."""
