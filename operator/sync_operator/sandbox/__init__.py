"""An in-memory server of the sync API, both dialects, for demos, tests and users' CI."""
