"""Logins to the server, and the tokens that they return."""
