"""Creates whose outcome is unknown: the create intent (annotation), and the search for what they made."""
