"""Runs: run requests, Jobs, results, Jobs that do not start, and missed runs."""
