"""The CronJob of a Sync: its manifest, external changes to it, and the pods that it starts."""
