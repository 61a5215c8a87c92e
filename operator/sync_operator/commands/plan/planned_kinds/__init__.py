"""What a dry run needs to know of each kind, beyond what the registration engine does."""
