"""The Model reconciler: observe, decide, act, report."""
