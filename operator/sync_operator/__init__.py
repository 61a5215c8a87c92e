"""sync-operator: Sync manifests become registered, scheduled and truthfully reported reverse-ETL syncs."""

__all__ = ["__version__"]

__version__ = "0.1.0"
