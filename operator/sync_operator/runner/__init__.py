"""What a run pod does: trigger a sync, follow its run, and report its result by row counts."""
