"""What the sandbox holds of connector definitions, connectors, catalogs and models."""
