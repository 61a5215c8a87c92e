"""Calls of the sync API about connectors and models that no other resource has."""
