"""HTTP requests to a server: transport, connection pool, DNS lookups, and which addresses are allowed (SSRF)."""
