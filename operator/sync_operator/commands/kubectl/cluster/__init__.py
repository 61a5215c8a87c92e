"""How the plugin reaches the cluster."""
