"""The Kubernetes side: a thin client, credentials, watch filters, events, the Lease and the token Secret."""
