"""kopf handlers, the queue, and the reconcile loop: observe, decide, act, report."""
