"""What the sandbox remembers: syncs, runs, tokens, what is due, and how the next runs are to go."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from heapq import heappush
from typing import Any

__all__ = ["ACTIVE", "Ending", "Event", "Outcome", "Run", "Store", "StoredSync", "Thing", "Token"]

ACTIVE = ("pending", "started", "querying", "queued", "in_progress")
"""Statuses of a run that keep a sync from being triggered again; `paused` is not among them (contract section 6)."""


_SEEDED = 10


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
        failed_rows: rows of these that the destination refuses, with ``reason`` in their logs. Of a stream that is
            written in batches the counters hide them, unless all are refused.
        skipped_rows: rows left out while querying.
        unkeyed_rows: rows without a primary key, or with one that comes twice: read, and then left out without a word.
        pending_rows: rows that the load leaves aside: neither delivered nor refused in the end.
        seconds: from the run's creation to its end.
        appears_after: seconds from the trigger to the run's row; None swallows the trigger (contract section 7).
        reason: words in the logs of refused rows.
        stuck: the run never ends by itself.
        abrupt: the run ends as the loader or a missing heartbeat ends it: ``finished_at`` stays null, and the sync's
            status is left as it is (contract section 6).
        keeps_rows: a run that fails in its load: the rows that it has read are kept, and no later run sends them
            (contract section 11).
        outlives: the run goes on to its end although its sync is disabled or deleted meanwhile (contract S5).
        tries: how often the load is tried (contract S15): each try sends all rows again, the counters tell of one.
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
    """A run's row.

    Attributes:
        updated_at: when the row last changed, which orders the lists.
        moving: False once nothing moves the row any more: it has ended, or its workflow has and left it behind.
        kept_rows: rows of the model that an earlier run has read and not delivered: this run leaves them out.
        in_batches: the destination's stream is written in batches.
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
        attributes: under their API names.
        workflow: number of the one open workflow a sync can have; while it is open, every trigger is void.
        server_schedule: cron line by which the server itself runs the sync; outlives a change to `manual`, and its
            workflow keeps the id, so triggers are void too (contract section 7).
        schedule_number: tells the present schedule's due times from those of the one before.
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
class Thing:
    """A connector or a model.

    Attributes:
        kind: ``source``, ``destination`` or ``model``.
        workspace_id: whose it is; None for those that are there from the start, in every workspace.
        connector_id: of a model, the source that it reads from.
    """

    id: int
    kind: str
    name: str
    updated_at: datetime
    workspace_id: int | None = None
    connector_id: int = 1


@dataclass(frozen=True, slots=True)
class Token:
    """Who a bearer token belongs to.

    Attributes:
        email: of the user, who may have several tokens.
        role: Admin, Member or Viewer.
        workspaces: which the user may name; of those, the documented dialect, which names none, shows the first.
        expires_at: when it dies; None for never.
    """

    email: str = "operator@example.com"
    role: str = "Admin"
    workspaces: frozenset[int] = frozenset({1})
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """Something due: what is to happen at a time; events of the same time keep their order."""

    at: datetime
    number: int
    action: Callable[[datetime], None] = field(compare=False)


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
        batches: destination id and name of each stream that is written in batches.
        connectors: by id; at the start those with odd ids are sources, and the others destinations.
        models: by id; those that are there from the start read from source 1.
        any_ids: connectors and models are not listed, so that nobody can look an id up.
        missing: kinds and ids of things that do not exist: ``("connector", 7)``, ``("model", 9)``.
        temporal_away: the workflow engine is down: calls are answered as ever, and nothing comes of them.
        cancel_lag: seconds from a cancel to the end of the workflow, in which triggers are void.
        list_cost: seconds that a list takes for each of its rows (contract section 11).
        broken: ids of syncs whose connector is gone: every page that would show one is refused.
        worker: held while a list is made, also when its client has given up: one list is made after the other.
        events: what is due, a heap.
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
    connectors: dict[int, Thing] = field(default_factory=dict)
    models: dict[int, Thing] = field(default_factory=dict)
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
            self.connectors[number] = Thing(number, kind, f"{kind} {number}", now)
            self.models[number] = Thing(number, "model", f"model {number}", now)

    def number(self) -> int:
        """A number that was not given out before."""
        self._number += 1
        return self._number

    def user_number(self, email: str) -> int:
        """The id of a user: each e-mail address has one of its own."""
        return self.users.setdefault(email, len(self.users) + 1)

    def at(self, time: datetime, action: Callable[[datetime], None]) -> None:
        """Let something happen at a time."""
        heappush(self.events, Event(time, self.number(), action))

    def next_outcome(self, sync_id: int) -> Outcome:
        """How the next run of a sync goes: what was planned for it, for any sync, or the default."""
        for key in (sync_id, None):
            if self.planned.get(key):
                return self.planned[key].pop(0)
        return replace(self.default_outcome)

    def add_run(self, sync: StoredSync, at: datetime, outcome: Outcome) -> Run:
        """Make the row of a run."""
        run = Run(len(self.runs) + 1, sync.id, created_at=at, outcome=outcome, updated_at=at)
        run.kept_rows = min(sync.kept_rows, outcome.rows - outcome.skipped_rows)
        run.in_batches = (sync.attributes.get("destination_id"), sync.attributes.get("stream_name")) in self.batches
        self.runs[run.id] = run
        self._runs_of[sync.id].append(run)
        return run

    def living(self) -> list[StoredSync]:
        """Syncs that were not discarded."""
        return [sync for sync in self.syncs.values() if sync.discarded_at is None]

    def forget_syncs(self) -> None:
        """Forget every sync and run, and all that is due."""
        self.syncs.clear()
        self.runs.clear()
        self._runs_of.clear()
        self.events.clear()

    def runs_of(self, sync_id: int) -> list[Run]:
        """Runs of a sync, the oldest first."""
        return list(self._runs_of.get(sync_id, ()))
