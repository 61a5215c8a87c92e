"""The Workspace reconciler, and the connections of Workspaces to their servers."""
