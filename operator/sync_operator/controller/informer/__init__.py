"""Caches of Kubernetes objects (informer, store, indexer), and the event handlers that fill them."""
