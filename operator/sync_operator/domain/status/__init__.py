"""Status and events: conditions, event messages, and the classification of errors."""
