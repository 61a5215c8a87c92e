"""Identity checks: whether the remote resource, and the cluster, are still those of the registration."""
