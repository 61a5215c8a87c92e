"""The Kubernetes side: a thin client, and the manifests that we write."""
