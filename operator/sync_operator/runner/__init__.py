"""What a CronJob's pod does: trigger a sync, follow its run, judge it by its rows."""
