"""How near the operator comes to what Kubernetes itself allows: see README.md."""
