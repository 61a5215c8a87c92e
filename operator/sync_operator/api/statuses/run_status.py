"""Runs in the status of a Sync: the newest, and the last ones that have ended."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from sync_operator.api.base import Model, ServerId, Time
from sync_operator.api.statuses.status_fields import Count, Line, Text, Word

__all__ = ["MAX_RECENT_RUNS", "LastRun", "RecentRun", "RowCounts", "RunTrigger"]

MAX_RECENT_RUNS: Final = 10


class RowCounts(Model):
    """Rows of a run, as the server counts them."""

    queried: Count = 0
    """API field total_query_rows: rows that the model's query returned."""
    total: Count = 0
    """API field total_rows: rows that were to be sent."""
    succeeded: Count = 0
    """API field successful_rows: rows that the destination took."""
    failed: Count = 0
    """API field failed_rows: rows that the destination refused."""
    skipped: Count | None = None
    """API field skipped_rows: rows that were left out as unchanged; none where the server does not count them."""


class RunTrigger(StrEnum):
    """Why a run ran."""

    SCHEDULE = "Schedule"
    REQUEST = "Request"
    OTHER = "Other"
    """The server, its user interface, other clients."""

    @classmethod
    def _missing_(cls, _: object) -> "RunTrigger":
        """A status that somebody else wrote may hold any word."""
        return cls.OTHER


class LastRun(Model):
    """The newest run that the operator knows of."""

    id: ServerId | None = None
    """The server's id of the run; none where the server knows no such run."""
    trigger: Word = RunTrigger.OTHER
    """Why it ran: `Schedule`, `Request`, or `Other` (the server, its user interface, other clients)."""
    status: Word = "unknown"
    """API field status of the run, such as `in_progress`, `success`, `failed`, `canceled`; `waiting` while no pod of
    its Job has run, `missed` for a time at which no Job was made."""
    verdict: Word | None = None
    """What became of it, by its rows: `delivered`, `rows refused`, `failed`, `canceled`; `running` or `waiting` before
    its end; `missed` where there was none."""
    started_at: Time | None = None
    """When it began; while it waits to start, since when."""
    finished_at: Time | None = None
    """When it ended."""
    duration_seconds: Count | None = None
    """How long it took."""
    rows: RowCounts | None = None
    """What became of its rows."""
    message: Text | None = None
    """What became of it, for people."""
    job: Word | None = None
    """The Job that ran it."""


class RecentRun(Model):
    """A run that has ended."""

    id: ServerId | None = None
    """The server's id of the run; none where the server knows no such run."""
    trigger: Word = RunTrigger.OTHER
    """Why it ran: `Schedule`, `Request`, or `Other`."""
    status: Word = "unknown"
    """API field status of the run, such as `success`, `failed`, `canceled`."""
    verdict: Word | None = None
    """What became of it, by its rows: `delivered`, `rows refused`, `failed`, `canceled`."""
    started_at: Time | None = None
    """When it began."""
    finished_at: Time | None = None
    """When it ended."""
    rows: RowCounts | None = None
    """What became of its rows."""
    reasons: Annotated[tuple[Line, ...], Field(max_length=3)] | None = None
    """Why rows of it were refused, each with how many: the most frequent reasons."""
