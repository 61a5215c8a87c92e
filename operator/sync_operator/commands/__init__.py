"""The commands `validate`, `plan` and `export`: they use manifests and the sync API, never a cluster."""
