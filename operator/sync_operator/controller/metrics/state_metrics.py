"""Gauges of the present state, read from the caches at each scrape, as kube-state-metrics does.

The number of series is bounded by the Syncs and Workspaces that exist. No label holds a server id, a message or a path.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator import __version__
from sync_operator.api.kinds.workspace import server_of
from sync_operator.api.statuses.conditions import ConditionType
from sync_operator.controller.informer.store import workspace_name
from sync_operator.controller.metrics.exposition import Family
from sync_operator.syncapi.flow.request_gate import GateState

__all__ = ["Sources", "StateMetrics"]

type _Object = Mapping[str, Any]

_LABELS: Final = ("namespace", "name")
_OUTCOMES: Final = ("queried", "total", "succeeded", "failed", "skipped")
_UNKNOWN: Final = "Unknown"


@dataclass(frozen=True, slots=True)
class Sources:
    """Functions that the state is read from, in the event loop's thread.

    Attributes:
        syncs: the cached Syncs; they are never mutated, only replaced.
        workspaces: the cached Workspaces, likewise.
        queue_depth: number of keys that wait for a worker.
        entry_counts: number of entries held in memory, by kind.
        is_leader: True if this process is the leader.
        last_compared: each Workspace (namespace and name) with the time of its last complete drift check.
        gate_states: each Workspace with the state of its request gate.
        drift_period: time between two drift checks.
    """

    syncs: Callable[[], Iterable[_Object]] = tuple
    workspaces: Callable[[], Iterable[_Object]] = tuple
    queue_depth: Callable[[], int] = int
    entry_counts: Callable[[], Mapping[str, int]] = dict
    is_leader: Callable[[], bool] = lambda: True
    last_compared: Callable[[], Iterable[tuple[tuple[str, str], datetime]]] = tuple
    gate_states: Callable[[], Iterable[tuple[tuple[str, str], GateState]]] = tuple
    drift_period: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class _ScrapedState:
    """A copy of the state at a scrape."""

    syncs: list[_Object] = field(default_factory=list)
    workspaces: list[_Object] = field(default_factory=list)
    queue_depth: int = 0
    entry_counts: Mapping[str, int] = field(default_factory=dict)
    is_leader: bool = False
    last_compared: list[tuple[tuple[str, str], datetime]] = field(default_factory=list)
    gate_states: list[tuple[tuple[str, str], GateState]] = field(default_factory=list)


class StateMetrics:
    """Gauges of the state at the last scrape; they are written in another thread.

    Args:
        sources: functions that the state is read from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._state = _ScrapedState()

    def copy_state(self) -> None:
        """Copy the state; call it in the event loop's thread."""
        sources = self._sources
        self._state = _ScrapedState(
            syncs=list(sources.syncs()),
            workspaces=list(sources.workspaces()),
            queue_depth=sources.queue_depth(),
            entry_counts=sources.entry_counts(),
            is_leader=sources.is_leader(),
            last_compared=list(sources.last_compared()),
            gate_states=list(sources.gate_states()),
        )

    def families(self) -> Iterator[Family]:
        """All gauges, as of the last scrape. Thread-safe."""
        state = self._state
        yield from self._process(state)
        yield from _workspaces(state)
        yield from _gates(state)
        ready = {_label_values(each): _condition_status(each, ConditionType.READY) for each in state.workspaces}
        yield from _syncs(state.syncs, ready)
        yield from _runs(state.syncs)

    def _process(self, state: _ScrapedState) -> Iterator[Family]:
        """Gauges about this process."""
        build = Family("sync_operator_build_info", "Always 1: which release this is.", labels=["version"])
        build.add([__version__], 1)
        yield build
        yield Family.single("sync_operator_queue_depth", "Keys that wait for a worker.", state.queue_depth)
        counts = Family(
            "sync_operator_kept", "How much is kept in memory, by kind: it follows what there is.", labels=["kind"]
        )
        for kind, count in state.entry_counts.items():
            counts.add([kind], count)
        yield counts
        yield Family.single("sync_operator_leader", "1 while this process acts.", state.is_leader)
        yield Family.single(
            "sync_operator_relist_seconds",
            "Time between two comparisons of a Workspace with its server.",
            self._sources.drift_period.total_seconds(),
        )


def _workspaces(state: _ScrapedState) -> Iterator[Family]:
    compared = Family(
        "sync_operator_workspace_last_compared_timestamp_seconds",
        "When the last whole comparison with the server began.",
        labels=_LABELS,
    )
    for ref, at in state.last_compared:
        compared.add(ref, at.timestamp())
    conditions = Family(
        "sync_operator_workspace_condition", "1 for the present status.", labels=[*_LABELS, "type", "status"]
    )
    info = Family(
        "sync_operator_workspace_info",
        "Always 1: what a Workspace is, and the reason of its condition Ready.",
        labels=[*_LABELS, "server", "reason"],
    )
    for workspace in state.workspaces:
        values = _label_values(workspace)
        for entry in _conditions(workspace):
            conditions.add([*values, entry["type"], entry["status"]], 1)
        info.add([*values, _server(workspace), _ready_reason(workspace)], 1)
    yield from (compared, conditions, info)


def _gates(state: _ScrapedState) -> Iterator[Family]:
    """Gauges of each Workspace's request gate: circuit breaker, rate, who waits."""
    broken = Family(
        "sync_operator_workspace_circuit_breaker_open",
        "1 while requests to the server pause, because it fails or asked for it.",
        labels=_LABELS,
    )
    budget = Family(
        "sync_operator_workspace_budget_requests_per_minute",
        "How many requests may go out in a minute.",
        labels=_LABELS,
    )
    free = Family(
        "sync_operator_workspace_budget_available_requests", "How many requests may go out at once.", labels=_LABELS
    )
    waiting = Family("sync_operator_workspace_waiting", "Syncs and requests that wait for their turn.", labels=_LABELS)
    for workspace, gate in state.gate_states:
        broken.add(workspace, not gate.circuit_closed)
        budget.add(workspace, gate.per_minute)
        free.add(workspace, gate.calls_left)
        waiting.add(workspace, gate.waiting)
    yield from (broken, budget, free, waiting)


def _syncs(syncs: Iterable[_Object], ready: Mapping[tuple[str, str], str]) -> Iterator[Family]:
    """Gauges about Syncs and their conditions.

    Args:
        syncs: the Syncs.
        ready: the status of condition Ready of each existing Workspace.
    """
    created = Family("sync_operator_sync_created_timestamp_seconds", "When the resource was made.", labels=_LABELS)
    info = Family(
        "sync_operator_sync_info",
        "Always 1: what a Sync is, the reason of its condition Ready, and the status of that of its Workspace.",
        labels=[*_LABELS, "workspace", "workspace_ready", "reason", "suspended"],
    )
    conditions = Family(
        "sync_operator_sync_condition", "1 for the present status.", labels=[*_LABELS, "type", "status"]
    )
    for sync in syncs:
        values = namespace, _ = _label_values(sync)
        home = namespace, workspace_name(sync)
        suspended = "true" if sync.get("spec", {}).get("suspend") else "false"
        info.add([*values, "/".join(home), ready.get(home, _UNKNOWN), _ready_reason(sync), suspended], 1)
        since = _unix_time(sync["metadata"].get("creationTimestamp"))
        if since is not None:
            created.add(values, since)
        for entry in _conditions(sync):
            conditions.add([*values, entry["type"], entry["status"]], 1)
    yield from (created, info, conditions)


def _runs(syncs: Iterable[_Object]) -> Iterator[Family]:
    """Gauges about the runs of Syncs."""
    success = Family(
        "sync_operator_sync_last_success_timestamp_seconds", "When rows were last delivered.", labels=_LABELS
    )
    expected = Family(
        "sync_operator_sync_expected_interval_seconds", "Time between the next two scheduled runs.", labels=_LABELS
    )
    lasted = Family(
        "sync_operator_sync_last_run_duration_seconds", "How long the last run that ended took.", labels=_LABELS
    )
    rows = Family("sync_operator_sync_last_run_rows", "Rows of the last run.", labels=[*_LABELS, "outcome"])
    for sync in syncs:
        values, status = _label_values(sync), sync.get("status", {})
        succeeded = _unix_time(status.get("lastSuccessAt"))
        if succeeded is not None:
            success.add(values, succeeded)
        coming = [at for at in map(_unix_time, status.get("nextRuns", ())) if at is not None]
        if len(coming) > 1:
            expected.add(values, coming[1] - coming[0])
        last = status.get("lastRun", {})
        if "durationSeconds" in last:
            lasted.add(values, last["durationSeconds"])
        counted = last.get("rows", {})
        for outcome in _OUTCOMES:
            if outcome in counted:
                rows.add([*values, outcome], counted[outcome])
    yield from (success, expected, lasted, rows)


def _label_values(obj: _Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _server(workspace: _Object) -> str:
    """Host and port of a Workspace's server; empty if its URL has none."""
    url = workspace.get("spec", {}).get("url")
    server = server_of(url) if isinstance(url, str) else ""
    return "" if "/" in server else server.rpartition("@")[2]


def _conditions(obj: _Object) -> Iterable[_Object]:
    found: Iterable[_Object] = obj.get("status", {}).get("conditions", ())
    return found


def _condition_status(obj: _Object, kind: str) -> str:
    return next((str(entry["status"]) for entry in _conditions(obj) if entry["type"] == kind), _UNKNOWN)


def _ready_reason(obj: _Object) -> str:
    """The reason of condition Ready; empty if there is no such condition yet."""
    found = (str(entry.get("reason", "")) for entry in _conditions(obj) if entry["type"] == ConditionType.READY)
    return next(found, "")


def _unix_time(time: str | None) -> float | None:
    """A timestamp of an object as Unix time in seconds; None if it is missing or cannot be parsed."""
    try:
        return datetime.fromisoformat(time).timestamp() if time else None
    except ValueError:
        return None
