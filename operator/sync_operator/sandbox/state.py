"""The sandbox's state: syncs, runs, tokens, pending events, and the planned outcomes of the next runs."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from heapq import heappush
from typing import Any

__all__ = ["ACTIVE", "Ending", "Event", "Outcome", "Run", "Store", "StoredResource", "StoredSync", "Token"]

ACTIVE = ("pending", "started", "querying", "queued", "in_progress")
"""Statuses of an active run, during which its sync cannot be triggered; without `paused` (contract section 6)."""


_SEEDED = 10


class Ending(StrEnum):
    """Terminal status of a run."""

    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The planned course and result of a run.

    Attributes:
        ending: terminal status.
        rows: number of rows that the model returns.
        failed_rows: how many of these the destination refuses, with ``reason`` in their logs. For a stream that is
            written in batches the counters hide them, unless all are refused.
        skipped_rows: rows left out while querying.
        unkeyed_rows: rows without a primary key, or with a duplicate one: read, and then dropped without any message.
        pending_rows: rows that the load leaves aside: in the end neither delivered nor refused.
        seconds: duration from the run's creation to its end.
        appears_after: seconds from the trigger to the run's row; None swallows the trigger (contract section 7).
        reason: message in the logs of refused rows.
        stuck: the run never ends by itself.
        abrupt: the run ends as after a crash of the loader or a missing heartbeat: ``finished_at`` stays null, and the
            sync's status does not change (contract section 6).
        keeps_rows: for a run that fails in its load: the rows that it has read are kept, and no later run sends them
            (contract section 11).
        outlives: the run continues to its end although its sync is disabled or deleted meanwhile (contract S5).
        tries: number of attempts of the load (contract S15): each sends all rows again, the counters count one.
    """

    ending: Ending = Ending.SUCCESS
    rows: int = 1000
    failed_rows: int = 0
    skipped_rows: int = 0
    unkeyed_rows: int = 0
    pending_rows: int = 0
    seconds: float = 10.0
    appears_after: float | None = 1.0
    reason: str = "destination answered 422: invalid value"
    stuck: bool = False
    abrupt: bool = False
    keeps_rows: bool = False
    outlives: bool = False
    tries: int = 1


@dataclass(slots=True)
class Run:
    """The row of a run.

    Attributes:
        updated_at: when the row last changed; lists are sorted by it.
        moving: False once no event changes the row any more: it has ended, or its workflow has ended without it.
        kept_rows: rows of the model that an earlier run has read and not delivered; this run leaves them out.
        in_batches: True if the destination's stream is written in batches.
    """

    id: int
    sync_id: int
    created_at: datetime
    outcome: Outcome
    updated_at: datetime
    status: str = "pending"
    started_at: datetime | None = None
    finished_at: datetime | None = None
    moving: bool = True
    kept_rows: int = 0
    in_batches: bool = False


@dataclass(slots=True)
class StoredSync:
    """A sync as stored.

    Attributes:
        attributes: values by their API names.
        workflow: number of the sync's only open workflow; while it is open, a trigger has no effect.
        server_schedule: cron line by which the server itself runs the sync. It outlives a change to `manual`, and its
            workflow keeps the id, so triggers have no effect either (contract section 7).
        schedule_number: number of the present schedule; events of an earlier schedule are ignored.
        kept_rows: rows that a run has read and failed to deliver.
    """

    id: int
    workspace_id: int
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    status: str = "pending"
    discarded_at: datetime | None = None
    workflow: int | None = None
    server_schedule: str | None = None
    schedule_number: int = 0
    kept_rows: int = 0


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A connector or a model.

    Attributes:
        kind: ``source``, ``destination`` or ``model``.
        workspace_id: its workspace; None for those that exist from the start, in every workspace.
        connector_id: for a model, the source that it reads from.
    """

    id: int
    kind: str
    name: str
    updated_at: datetime
    workspace_id: int | None = None
    connector_id: int = 1


@dataclass(frozen=True, slots=True)
class Token:
    """The user of a bearer token.

    Attributes:
        email: e-mail address of the user, who may have several tokens.
        role: Admin, Member or Viewer.
        workspaces: ids of the user's workspaces; in the documented dialect, which names none, the lowest is used.
        expires_at: when the token expires; None for never.
    """

    email: str = "operator@example.com"
    role: str = "Admin"
    workspaces: frozenset[int] = frozenset({1})
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """An action that is due at a time; events of the same time keep their order."""

    at: datetime
    number: int
    action: Callable[[datetime], None] = field(compare=False)


@dataclass(slots=True)
class Store:
    """The whole state of the simulated server, in memory.

    Attributes:
        clock: returns the current time (aware, UTC); tests pass their own.
        dialect: ``multiwoven`` or ``documented``.
        tokens: bearer token → its user.
        default_outcome: outcome of runs without a planned one.
        planned: sync id (None for any) → outcomes of the next runs, in order.
        catalogs: destination id → its streams; None means that the catalog is missing; absent means any stream.
        batches: destination id and name of each stream that is written in batches.
        connectors: by id; initially those with odd ids are sources, and the others destinations.
        models: by id; the initial ones read from source 1.
        any_ids: True if connectors and models are not listed, so that no client can look an id up.
        missing: kinds and ids of objects that do not exist: ``("connector", 7)``, ``("model", 9)``.
        temporal_away: True if the workflow engine is down: requests are answered as usual, but have no effect.
        cancel_lag: seconds from a cancel to the end of the workflow, during which triggers have no effect.
        list_cost: seconds that a list takes per row (contract section 11).
        broken: ids of syncs whose connector is gone: every page that would contain one is refused.
        worker: lock held while a list is made, also after its client has disconnected: lists are made one at a time.
        events: heap of the pending events.
        users: e-mail address → id of the user, in the order in which they were first seen.
    """

    clock: Callable[[], datetime]
    dialect: str = "multiwoven"
    tokens: dict[str, Token] = field(default_factory=dict)
    workspaces: frozenset[int] = frozenset({1})
    default_outcome: Outcome = Outcome()
    syncs: dict[int, StoredSync] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    planned: dict[int | None, list[Outcome]] = field(default_factory=dict)
    catalogs: dict[int, list[str] | None] = field(default_factory=dict)
    batches: set[tuple[int, str]] = field(default_factory=set)
    connectors: dict[int, StoredResource] = field(default_factory=dict)
    models: dict[int, StoredResource] = field(default_factory=dict)
    missing: set[tuple[str, int]] = field(default_factory=set)
    passwords: dict[str, str] = field(default_factory=dict)
    temporal_away: bool = False
    cancel_lag: float = 0.0
    list_cost: float = 0.0
    broken: set[int] = field(default_factory=set)
    worker: asyncio.Lock = field(default_factory=asyncio.Lock)
    events: list[Event] = field(default_factory=list)
    next_sync: int = 1
    any_ids: bool = False
    users: dict[str, int] = field(default_factory=dict)
    _number: int = 0
    _runs_of: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        now = self.clock()
        for number in range(1, _SEEDED + 1):
            kind = "source" if number % 2 else "destination"
            self.connectors[number] = StoredResource(number, kind, f"{kind} {number}", now)
            self.models[number] = StoredResource(number, "model", f"model {number}", now)

    def next_number(self) -> int:
        """The next unused number."""
        self._number += 1
        return self._number

    def user_number(self, email: str) -> int:
        """The id of a user; unique per e-mail address."""
        return self.users.setdefault(email, len(self.users) + 1)

    def at(self, time: datetime, action: Callable[[datetime], None]) -> None:
        """Add an event."""
        heappush(self.events, Event(time, self.next_number(), action))

    def next_outcome(self, sync_id: int) -> Outcome:
        """The outcome of a sync's next run: the one planned for it, else one planned for any sync, else the default."""
        for key in (sync_id, None):
            if self.planned.get(key):
                return self.planned[key].pop(0)
        return replace(self.default_outcome)

    def add_run(self, sync: StoredSync, at: datetime, outcome: Outcome) -> Run:
        """Add a run's row."""
        run = Run(len(self.runs) + 1, sync.id, created_at=at, outcome=outcome, updated_at=at)
        run.kept_rows = min(sync.kept_rows, outcome.rows - outcome.skipped_rows)
        run.in_batches = (sync.attributes.get("destination_id"), sync.attributes.get("stream_name")) in self.batches
        self.runs[run.id] = run
        self._runs_of[sync.id].append(run)
        return run

    def current_syncs(self) -> list[StoredSync]:
        """Syncs that were not deleted."""
        return [sync for sync in self.syncs.values() if sync.discarded_at is None]

    def delete_all_syncs(self) -> None:
        """Remove all syncs, runs and pending events."""
        self.syncs.clear()
        self.runs.clear()
        self._runs_of.clear()
        self.events.clear()

    def runs_of(self, sync_id: int) -> list[Run]:
        """The runs of a sync, oldest first."""
        return list(self._runs_of.get(sync_id, ()))
