"""Decides the next action, the status and the events from one frozen snapshot. Pure: no I/O, no clock."""
