"""Rules between fields and for single fields, for the API server and for this process."""
