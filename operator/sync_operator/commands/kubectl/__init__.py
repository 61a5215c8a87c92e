"""`kubectl sync`: a kubectl plugin, which works with the rights of whoever calls it."""
