"""Reads YAML as Kubernetes does: a parser for all of it, and a faster reader for the style of most manifests."""
