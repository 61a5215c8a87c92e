"""The verbs of `kubectl sync`, a module for each."""
