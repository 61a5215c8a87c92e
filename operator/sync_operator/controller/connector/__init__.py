"""The Connector reconciler: observe, decide, act, report."""
