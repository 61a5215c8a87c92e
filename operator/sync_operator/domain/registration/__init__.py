"""The registration engine: desired state, drift, blockers, deletion of a resource of any `ResourceKind`."""
