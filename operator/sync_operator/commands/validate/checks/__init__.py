"""Checks of one manifest, with the controller's own models and rules."""
