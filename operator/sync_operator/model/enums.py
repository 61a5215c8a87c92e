"""Enumerations of the specs; values of the API's own fields are the API's own words."""

from enum import StrEnum

__all__ = [
    "DeletionPolicy",
    "DialectChoice",
    "DriftPolicy",
    "IntervalUnit",
    "ScheduleType",
    "Scheduler",
    "SyncMode",
]


class ScheduleType(StrEnum):
    """API field ``schedule_type``."""

    AUTOMATED = "automated"
    INTERVAL = "interval"
    CRON_EXPRESSION = "cron_expression"
    MANUAL = "manual"


class SyncMode(StrEnum):
    """API field ``sync_mode``."""

    FULL_REFRESH = "full_refresh"
    INCREMENTAL = "incremental"


class IntervalUnit(StrEnum):
    """API field ``sync_interval_unit``."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"


class Scheduler(StrEnum):
    """Who runs the sync on time."""

    CRON_JOB = "CronJob"
    SERVER = "Server"


class DeletionPolicy(StrEnum):
    """What happens to the server's sync when the resource is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class DriftPolicy(StrEnum):
    """What happens when somebody changes the sync on the server."""

    CORRECT = "Correct"
    REPORT = "Report"
    IGNORE = "Ignore"


class DialectChoice(StrEnum):
    """Which dialect a Workspace's server speaks, or ``Auto`` to find out."""

    AUTO = "Auto"
    DOCUMENTED = "Documented"
    MULTIWOVEN = "Multiwoven"
