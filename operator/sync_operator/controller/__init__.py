"""The controller: kopf handlers, caches, the work queue, and the reconcile loop (observe, decide, act, report)."""
