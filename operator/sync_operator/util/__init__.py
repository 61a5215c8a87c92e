"""Helpers without domain knowledge: input limits, durations, fair shares, field names, host patterns, JSON, secrets."""
