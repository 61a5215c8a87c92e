"""Parses files into objects, split and read as kubectl does it, with the position of each value in the text."""
