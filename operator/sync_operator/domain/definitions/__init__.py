"""What a connector's definition asks of a manifest: the schema of its configuration, its secrets, its query type."""
