"""What the registration engine needs to know about Connectors, and their catalogs and connection checks."""
