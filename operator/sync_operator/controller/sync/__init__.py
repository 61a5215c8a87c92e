"""The Sync reconciler: observe, decide, act, report."""
