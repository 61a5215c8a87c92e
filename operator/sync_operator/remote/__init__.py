"""The sync API (AI Squared / Multiwoven), as a typed client for both dialects."""
