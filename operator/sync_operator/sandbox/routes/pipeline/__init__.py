"""The routes of connector definitions, connectors, catalogs and models."""
