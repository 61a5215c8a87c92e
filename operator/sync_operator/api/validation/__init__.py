"""Validation of specs: rules between fields, each as CEL and as a predicate, and messages that name the fix."""
