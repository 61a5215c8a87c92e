"""Tools for people: `validate`, `plan` and `export` work on manifests and the sync API, never on a cluster."""
