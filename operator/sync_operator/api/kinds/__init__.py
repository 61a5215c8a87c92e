"""``spec`` of each kind, and what several of them have in common."""
