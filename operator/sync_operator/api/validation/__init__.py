"""Reads and checks specs against the models and rules; each message names the field and the fix. Warnings too."""
