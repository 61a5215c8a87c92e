"""Credentials for the cluster: from a service account, a kubeconfig, or an exec plugin."""
