"""The plan as text, as JSON, and as exit code."""
