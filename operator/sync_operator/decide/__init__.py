"""What to do and what to say about it, from one frozen picture. Pure: no I/O, no clock."""
