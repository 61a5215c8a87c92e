"""Enumerations of the specs. For a field that the API has too, the values are the API's."""

from enum import StrEnum
from typing import Final

__all__ = [
    "AdoptionPolicy",
    "CheckPolicy",
    "ConnectorType",
    "DeletionPolicy",
    "DialectChoice",
    "DiscoverPolicy",
    "DriftPolicy",
    "IntervalUnit",
    "PreviewPolicy",
    "QueryType",
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

    @property
    def seconds(self) -> int:
        """Length of the unit; a day has 24 hours."""
        return _UNIT_SECONDS[self]


_UNIT_SECONDS: Final = {
    IntervalUnit.MINUTES: 60,
    IntervalUnit.HOURS: 3_600,
    IntervalUnit.DAYS: 86_400,
    IntervalUnit.WEEKS: 604_800,
}


class Scheduler(StrEnum):
    """What starts the runs of a schedule."""

    CRON_JOB = "CronJob"
    SERVER = "Server"


class ConnectorType(StrEnum):
    """API field ``connector_type``."""

    SOURCE = "source"
    DESTINATION = "destination"


class QueryType(StrEnum):
    """API field ``query_type``, as far as syncs can use it."""

    RAW_SQL = "raw_sql"
    DBT = "dbt"
    SOQL = "soql"
    TABLE_SELECTOR = "table_selector"


class DiscoverPolicy(StrEnum):
    """When the operator has the server make a connector's catalog."""

    IF_MISSING = "IfMissing"
    NEVER = "Never"


class CheckPolicy(StrEnum):
    """When the server's own connection check is run."""

    NEVER = "Never"
    ON_CHANGE = "OnChange"


class PreviewPolicy(StrEnum):
    """When a model's query is tried at its source."""

    NEVER = "Never"
    ON_CHANGE = "OnChange"


class AdoptionPolicy(StrEnum):
    """What the first registration does with an equal resource on the server that nobody claims."""

    ADOPT_OR_CREATE = "AdoptOrCreate"
    CREATE = "Create"


class DeletionPolicy(StrEnum):
    """What happens to what is registered on the server when the resource is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class DriftPolicy(StrEnum):
    """What happens when somebody changes what is registered on the server."""

    CORRECT = "Correct"
    REPORT = "Report"
    IGNORE = "Ignore"


class DialectChoice(StrEnum):
    """Which dialect a Workspace's server speaks, or ``Auto`` to find out."""

    AUTO = "Auto"
    DOCUMENTED = "Documented"
    MULTIWOVEN = "Multiwoven"
