"""What the sandbox remembers: syncs, runs, tokens, and how the next runs are to go."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = ["ACTIVE", "Ending", "Outcome", "Run", "Store", "StoredSync", "Token"]

ACTIVE = ("pending", "started", "querying", "queued", "in_progress")
"""Statuses of a run that keep a sync from being triggered again; `paused` is not among them (contract section 6)."""


class Ending(StrEnum):
    """How a run ends."""

    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run is going to go.

    Attributes:
        ending: terminal status.
        rows: rows that the model returns.
        failed_rows: rows of these that the destination refuses, with ``reason`` in their logs.
        skipped_rows: rows left out while querying.
        seconds: from the run's creation to its end.
        appears_after: seconds from the trigger to the run's row; None swallows the trigger (contract S7).
        reason: words in the logs of refused rows.
        stuck: the run never ends by itself.
    """

    ending: Ending = Ending.SUCCESS
    rows: int = 1000
    failed_rows: int = 0
    skipped_rows: int = 0
    seconds: float = 10.0
    appears_after: float | None = 1.0
    reason: str = "destination answered 422: invalid value"
    stuck: bool = False


@dataclass(slots=True)
class Run:
    """A run; its status follows from its age until something ends it for good."""

    id: int
    sync_id: int
    created_at: datetime
    outcome: Outcome
    updated_at: datetime
    ended: str | None = None
    ended_at: datetime | None = None
    frozen: str | None = None
    """Status in which a disabled sync left its run behind."""


@dataclass(slots=True)
class StoredSync:
    """A sync as stored: attributes under their API names."""

    id: int
    workspace_id: int
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    status: str = "pending"
    discarded_at: datetime | None = None
    server_schedule: str | None = None
    """Cron line by which the server itself runs the sync; outlives a change to `manual` (contract section 7)."""
    scheduled_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """Who a bearer token belongs to."""

    email: str = "operator@example.com"
    role: str = "Admin"
    workspaces: frozenset[int] = frozenset({1})
    expires_at: datetime | None = None


@dataclass(slots=True)
class Store:
    """Everything, in memory.

    Attributes:
        clock: the time now, aware, UTC; tests pass their own.
        dialect: ``multiwoven`` or ``documented``.
        tokens: bearer token → its user.
        default_outcome: how runs go that nothing else was asked for.
        planned: sync id (None for any) → outcomes of the next runs, in order.
        catalogs: destination id → its streams; None means that the catalog is missing; absent means any stream.
        missing: kinds and ids of things that do not exist: ``("connector", 7)``, ``("model", 9)``.
    """

    clock: Callable[[], datetime]
    dialect: str = "multiwoven"
    tokens: dict[str, Token] = field(default_factory=dict)
    workspaces: frozenset[int] = frozenset({1})
    default_outcome: Outcome = Outcome()
    syncs: dict[int, StoredSync] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    coming: list[tuple[datetime, int, Outcome]] = field(default_factory=list)
    planned: dict[int | None, list[Outcome]] = field(default_factory=dict)
    catalogs: dict[int, list[str] | None] = field(default_factory=dict)
    missing: set[tuple[str, int]] = field(default_factory=set)
    passwords: dict[str, str] = field(default_factory=dict)
    next_sync: int = 1
    next_run: int = 1

    def next_outcome(self, sync_id: int) -> Outcome:
        """How the next run of a sync goes: what was planned for it, for any sync, or the default."""
        for key in (sync_id, None):
            if self.planned.get(key):
                return self.planned[key].pop(0)
        return replace(self.default_outcome)

    def living(self) -> list[StoredSync]:
        """Syncs that were not discarded."""
        return [sync for sync in self.syncs.values() if sync.discarded_at is None]

    def runs_of(self, sync_id: int) -> list[Run]:
        """Runs of a sync, the oldest first."""
        return [run for run in self.runs.values() if run.sync_id == sync_id]
