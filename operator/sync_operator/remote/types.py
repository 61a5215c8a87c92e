"""What the API client gives and takes: plain frozen values, the same for both dialects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = ["Dialect", "Listing", "Named", "RemoteRun", "RemoteSync", "Role", "Rows", "RunList", "RunStatus", "User"]


class Dialect(StrEnum):
    """Which of the two dialects (contract section 3) a server speaks."""

    DOCUMENTED = "Documented"
    MULTIWOVEN = "Multiwoven"


class RunStatus(StrEnum):
    """States of a run (contract section 6); `UNKNOWN` stands for a word this release does not know."""

    PENDING = "pending"
    STARTED = "started"
    QUERYING = "querying"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @property
    def finished(self) -> bool:
        """True when the run can change no more (decided by status, never by ``finished_at``)."""
        return self in {RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED}

    @property
    def active(self) -> bool:
        """True when the server refuses another trigger because of this run; ``paused`` is not active."""
        return not self.finished and self not in {RunStatus.PAUSED, RunStatus.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Rows:
    """Row counts of a run, as the server counts them; 0 where it says nothing.

    Attributes:
        skipped: None where the server does not count them.
    """

    queried: int = 0
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int | None = None


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """One run of a sync (API resource ``sync_runs``).

    Attributes:
        id: the server's id; grows with time, so the highest is the newest.
        status: state of the run.
        started_at: aware, UTC; None while unknown.
        finished_at: aware, UTC; stays None on canceled and on some failed runs.
        updated_at: aware, UTC; when the row last changed.
        rows: row counts; 0 until the server writes them, mostly at the end.
        error: the server's words, cut and redacted; empty on releases that never write it.
    """

    id: int
    status: RunStatus
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    rows: Rows = Rows()
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunList:
    """Runs of a sync as one answer told them.

    Attributes:
        runs: the highest id first.
        clock: the server's own time as it answered (aware); None when it did not say.
    """

    runs: tuple[RemoteRun, ...]
    clock: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoteSync:
    """One registered sync (API resource ``syncs``).

    Attributes:
        id: the server's id, a string of digits.
        attributes: the attributes that can be written, as far as they were answered, JSON values.
        status: the server's word (``pending``, ``healthy``, ``failed``, ``disabled`` …); may be empty.
        created_at: aware, UTC; None when not answered (documented dialect).
        updated_at: as above.
    """

    id: str
    attributes: Mapping[str, Any]
    status: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All syncs of a workspace.

    Attributes:
        syncs: each once.
        clock: the server's own time as it answered (aware); None when it did not say.
        unlisted: numbers, from 1 and the last changed first, of the rows that the server refuses to list.
    """

    syncs: tuple[RemoteSync, ...]
    clock: datetime | None = None
    unlisted: tuple[int, ...] = ()


class Role(StrEnum):
    """What a sync refers to; each has an id in the API's body, and a name in one of its lists."""

    SOURCE = "source"
    DESTINATION = "destination"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Named:
    """A connector or a model.

    Attributes:
        name: to the letter; a server may have it several times.
        updated_at: aware, UTC; None when not answered.
        connector_id: of a model, the source that it reads from; None when not answered.
    """

    id: int
    name: str
    updated_at: datetime | None = None
    connector_id: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Who the token belongs to (``GET /users/me``).

    Attributes:
        email: e-mail address; empty when not answered.
        role: name of the role; empty when not answered.
        id: the server's id of the user, a string of digits; empty when not answered.
    """

    email: str = ""
    role: str = ""
    id: str = ""
