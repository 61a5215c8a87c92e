"""Filters between the API server's watch streams and kopf, and detection of stale watches."""
