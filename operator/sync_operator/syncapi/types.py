"""Data types of the API client: plain frozen values, the same for both dialects."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

__all__ = [
    "Catalog",
    "Columns",
    "ConnectionCheck",
    "Dialect",
    "NamedResource",
    "RefKind",
    "RemoteConnector",
    "RemoteList",
    "RemoteModel",
    "RemoteResource",
    "RemoteRun",
    "RemoteSync",
    "Rows",
    "RunPage",
    "RunStatus",
    "User",
]

_ROUNDING: Final = timedelta(milliseconds=1)


class Dialect(StrEnum):
    """Which of the two dialects (contract section 3) a server speaks."""

    DOCUMENTED = "Documented"
    MULTIWOVEN = "Multiwoven"


class RunStatus(StrEnum):
    """States of a run (contract section 6); `UNKNOWN` stands for any state that is not listed here."""

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
        """True if the run cannot change any more (decided by status, never by ``finished_at``)."""
        return self in {RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED}

    @property
    def active(self) -> bool:
        """True if the server refuses another trigger because of this run; ``paused`` is not active."""
        return not self.finished and self not in {RunStatus.PAUSED, RunStatus.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Rows:
    """Row counts of a run, as the server reports them; 0 if it does not.

    Attributes:
        skipped: None if the server does not count them.
    """

    queried: int = 0
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int | None = None

    def as_dict(self) -> dict[str, int | None]:
        """Each count by its name, as status, termination message and logs have it."""
        return asdict(self)


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
        error: the server's error message, truncated and redacted; empty on releases that never write it.
    """

    id: int
    status: RunStatus
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    rows: Rows = Rows()
    error: str = ""

    @property
    def creation_time(self) -> datetime | None:
        """When it was created, by the server's clock; if missing, the earliest later time that the server reports."""
        return self.created_at or self.started_at or self.finished_at


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs of a sync from one response.

    Attributes:
        runs: the highest id first.
        server_time: the server's time in the response (aware); None if it is missing.
    """

    runs: tuple[RemoteRun, ...]
    server_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoteResource:
    """One resource of a server that has an id and attributes: what a resource of the cluster is registered as.

    Attributes:
        id: the server's id, a string of digits.
        attributes: the writable attributes that the response contained, as JSON values.
        created_at: aware, UTC; None if missing in the response (documented dialect).
        updated_at: as above.
    """

    id: str
    attributes: Mapping[str, Any]
    created_at: datetime | None = field(default=None, kw_only=True)
    updated_at: datetime | None = field(default=None, kw_only=True)

    def was_created_at(self, recorded: datetime) -> bool:
        """True if this is the creation time that was recorded; False also if the response has none.

        Where either has no fraction of a second, as a server or an earlier release leaves it out, whole seconds are
        compared. Else they may differ by a millisecond: one may be rounded where the other is cut.
        """
        return self.created_at is not None and _is_same_time(self.created_at, recorded)

    def was_updated_at(self, recorded: datetime) -> bool:
        """True if this is the time of the last change that was recorded; compared as in `was_created_at`."""
        return self.updated_at is not None and _is_same_time(self.updated_at, recorded)


def _is_same_time(shown: datetime, recorded: datetime) -> bool:
    if shown.microsecond and recorded.microsecond:
        return abs(shown - recorded) <= _ROUNDING
    return shown.replace(microsecond=0) == recorded.replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class RemoteSync(RemoteResource):
    """One registered sync (API resource ``syncs``).

    Attributes:
        status: the server's status (``pending``, ``healthy``, ``failed``, ``disabled`` …); may be empty.
    """

    status: str = ""


@dataclass(frozen=True, slots=True)
class RemoteConnector(RemoteResource):
    """One source or destination (API resource ``connectors``). Its configuration may hold secrets that no mask hides.

    Attributes:
        attributes: as of every resource; never part of a log.
    """

    attributes: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteModel(RemoteResource):
    """One model (API resource ``models``); the id of its connector is the attribute ``connector_id``."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The stored catalog of a connector.

    Attributes:
        streams: names of the first streams.
        count: number of all streams.
    """

    streams: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a query's result; ``names`` has the first ones."""

    names: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class ConnectionCheck:
    """What the server's connection check has found; ``message`` is the server's reason, redacted, or empty."""

    succeeded: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class RemoteList[R: RemoteResource]:
    """All resources of one kind in a workspace.

    Attributes:
        rows: each once.
        server_time: the server's time in the last response (aware); None if it is missing.
        unlisted: positions, from 1, the last changed first, of the rows that the server fails to list.
    """

    rows: tuple[R, ...]
    server_time: datetime | None = None
    unlisted: tuple[int, ...] = ()


class RefKind(StrEnum):
    """Kinds of resources that a sync refers to: by id in a request body; their names are in one of the API's lists."""

    SOURCE = "source"
    DESTINATION = "destination"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class NamedResource:
    """A connector or a model.

    Attributes:
        name: the exact name; a server may have several resources of that name.
        updated_at: aware, UTC; None if missing in the response.
        connector_id: of a model, the source that it reads from; None if missing in the response.
    """

    id: int
    name: str
    updated_at: datetime | None = None
    connector_id: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """The user that the token belongs to (``GET /users/me``).

    Attributes:
        email: e-mail address; empty if missing in the response.
        role: name of the role; empty if missing in the response.
        id: the server's id of the user, a string of digits; empty if missing in the response.
    """

    email: str = ""
    role: str = ""
    id: str = ""
