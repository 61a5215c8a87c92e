"""When a sync runs: effective schedules, exact intervals and next runs. Pure."""
