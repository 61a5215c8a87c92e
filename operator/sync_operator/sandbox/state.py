"""The sandbox's state: syncs, runs, the rest of the pipeline, tokens, pending events, and planned outcomes."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from heapq import heappush
from typing import Any

from sync_operator.sandbox.pipeline.bundled_definitions import DefinitionCatalogue
from sync_operator.sandbox.pipeline.records import (
    DiscoverOutcome,
    QueryOutcome,
    StoredCatalog,
    StoredConnector,
    StoredModel,
)

__all__ = ["ACTIVE", "Ending", "Event", "Outcome", "Run", "Store", "StoredSync", "Token"]

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
        definitions: of connectors.
        connectors: by id; initially those with odd ids are sources, and the others destinations.
        models: by id; the initial ones read from source 1.
        catalogs: connector id → its stored catalog; absent if it is missing.
        live_streams: connector id → the streams that a discover finds, where a test says so.
        discovers: connector id → outcomes of its next discovers, in order.
        queries: connector id → what its source answers to every query.
        connections_work: False if every check of a connection fails.
        any_ids: True if connectors and models are not listed, and all ids exist.
        masks_secrets: False for releases before v0.74.0, which show every secret.
        sizes_connectors: False for releases that ignore ``per_page`` in the list of connectors.
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
    definitions: DefinitionCatalogue = field(default_factory=DefinitionCatalogue)
    connectors: dict[int, StoredConnector] = field(default_factory=dict)
    models: dict[int, StoredModel] = field(default_factory=dict)
    catalogs: dict[int, StoredCatalog] = field(default_factory=dict)
    live_streams: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    discovers: dict[int, list[DiscoverOutcome]] = field(default_factory=dict)
    queries: dict[int, QueryOutcome] = field(default_factory=dict)
    connections_work: bool = True
    masks_secrets: bool = True
    sizes_connectors: bool = True
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
    _ids: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _number: int = 0
    _runs_of: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for number in range(1, _SEEDED + 1):
            kind = "source" if number % 2 else "destination"
            self.add_named(kind, number, f"{kind} {number}")
            self.add_named("model", number, f"model {number}")

    def add_named(self, kind: str, number: int, name: str, workspace_id: int | None = None, source: int = 1) -> None:
        """Add or replace a source, destination or model of which only the name matters.

        A destination has a catalog that accepts every stream; a model reads from the source.
        """
        now = self.clock()
        if kind == "model":
            self.add_model(StoredModel(number, name, now, workspace_id, source, created_at=now))
        else:
            self.add_connector(StoredConnector(number, kind, name, now, workspace_id, created_at=now))
            if number not in self.catalogs:
                self.catalogs[number] = StoredCatalog(self.new_id("catalogs"), [{"name": "orders"}], any_stream=True)

    def new_id(self, table: str) -> int:
        """The next id of a table; ids of deleted rows are never used again."""
        self._ids[table] += 1
        return self._ids[table]

    def add_connector(self, connector: StoredConnector) -> StoredConnector:
        """Store a connector, or replace the one with its id."""
        self._ids["connectors"] = max(self._ids["connectors"], connector.id)
        self.connectors[connector.id] = connector
        return connector

    def add_model(self, model: StoredModel) -> StoredModel:
        """Store a model, or replace the one with its id."""
        self._ids["models"] = max(self._ids["models"], model.id)
        self.models[model.id] = model
        return model

    def connector(self, number: int, kind: str = "source") -> StoredConnector | None:
        """The connector of an id, in any workspace; None if there is none."""
        held = self.connectors.get(number)
        if held is None and self.any_ids:
            return StoredConnector(number, kind, f"{kind} {number}", self.clock())
        return held

    def model(self, number: int) -> StoredModel | None:
        """The model of an id, in any workspace; None if there is none."""
        held = self.models.get(number)
        return StoredModel(number, f"model {number}", self.clock()) if held is None and self.any_ids else held

    def catalog(self, number: int) -> StoredCatalog | None:
        """The stored catalog of a connector; None if it is missing."""
        held = self.catalogs.get(number)
        if held is None and self.any_ids and number not in self.connectors:
            return StoredCatalog(number, [{"name": "orders"}], any_stream=True)
        return held

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
        run = Run(self.new_id("runs"), sync.id, created_at=at, outcome=outcome, updated_at=at)
        run.kept_rows = min(sync.kept_rows, outcome.rows - outcome.skipped_rows)
        catalog = self.catalogs.get(sync.attributes.get("destination_id", 0))
        run.in_batches = catalog is not None and catalog.writes_in_batches(sync.attributes.get("stream_name"))
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
        self._ids["runs"] = 0
        self.events.clear()

    def destroy_sync(self, sync: StoredSync) -> None:
        """Remove a sync's row and the rows of its runs, without a trace."""
        sync.discarded_at, sync.workflow = self.clock(), None
        for run in self._runs_of.pop(sync.id, ()):
            run.moving = False
            del self.runs[run.id]
        del self.syncs[sync.id]

    def runs_of(self, sync_id: int) -> list[Run]:
        """The runs of a sync, oldest first."""
        return list(self._runs_of.get(sync_id, ()))
