"""Deletions that a resource does not show by itself: its CRD goes, or it is gone already."""
