"""Metrics of the state of things: gauges read from the caches at each scrape, as kube-state-metrics does.

Series are bounded by the Syncs and Workspaces that exist. No label holds an id of the server, a message or a path.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator import __version__
from sync_operator.handlers.cache import workspace_name
from sync_operator.handlers.exposition import Family
from sync_operator.model.conditions import ConditionType
from sync_operator.model.workspace import server_of
from sync_operator.remote.pressure import Load

__all__ = ["Sources", "StateMetrics"]

type _Object = Mapping[str, Any]

_ONE: Final = ("namespace", "name")
_OUTCOMES: Final = ("queried", "total", "succeeded", "failed", "skipped")
_UNKNOWN: Final = "Unknown"


@dataclass(frozen=True, slots=True)
class Sources:
    """What the state is read from, by the thread of the event loop.

    Attributes:
        syncs: the Syncs as the cache holds them; what is in one is never changed, another takes its place.
        workspaces: the Workspaces, likewise.
        depth: how many keys wait for a worker.
        kept: how much is kept in memory, by kind.
        leads: whether this process acts, or stands by.
        compared: Workspaces (namespace and name) with the time of their last whole comparison with the server.
        loads: Workspaces, with how it stands with the traffic to their servers.
        resync: time between two comparisons.
    """

    syncs: Callable[[], Iterable[_Object]] = tuple
    workspaces: Callable[[], Iterable[_Object]] = tuple
    depth: Callable[[], int] = int
    kept: Callable[[], Mapping[str, int]] = dict
    leads: Callable[[], bool] = lambda: True
    compared: Callable[[], Iterable[tuple[tuple[str, str], datetime]]] = tuple
    loads: Callable[[], Iterable[tuple[tuple[str, str], Load]]] = tuple
    resync: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What was there when the event loop last looked."""

    syncs: list[_Object] = field(default_factory=list)
    workspaces: list[_Object] = field(default_factory=list)
    depth: int = 0
    kept: Mapping[str, int] = field(default_factory=dict)
    leads: bool = False
    compared: list[tuple[tuple[str, str], datetime]] = field(default_factory=list)
    loads: list[tuple[tuple[str, str], Load]] = field(default_factory=list)


class StateMetrics:
    """Gauges of what was there when the event loop last looked; they are written in another thread.

    Args:
        sources: what they are read from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._seen = _Snapshot()

    def look(self) -> None:
        """Take a snapshot; to be called in the thread of the event loop."""
        sources = self._sources
        self._seen = _Snapshot(
            syncs=list(sources.syncs()),
            workspaces=list(sources.workspaces()),
            depth=sources.depth(),
            kept=sources.kept(),
            leads=sources.leads(),
            compared=list(sources.compared()),
            loads=list(sources.loads()),
        )

    def families(self) -> Iterator[Family]:
        """All of them, as of the last look; any thread may ask."""
        seen = self._seen
        yield from self._process(seen)
        yield from _workspaces(seen)
        yield from _traffic(seen)
        ready = {_who(each): _status(each, ConditionType.READY) for each in seen.workspaces}
        yield from _syncs(seen.syncs, ready)
        yield from _runs(seen.syncs)

    def _process(self, seen: _Snapshot) -> Iterator[Family]:
        """About this process."""
        build = Family("sync_operator_build_info", "Always 1: which release this is.", labels=["version"])
        build.add([__version__], 1)
        yield build
        yield Family.single("sync_operator_queue_depth", "Keys that wait for a worker.", seen.depth)
        kept = Family(
            "sync_operator_kept", "How much is kept in memory, by kind: it follows what there is.", labels=["kind"]
        )
        for kind, count in seen.kept.items():
            kept.add([kind], count)
        yield kept
        yield Family.single("sync_operator_leader", "1 while this process acts.", seen.leads)
        yield Family.single(
            "sync_operator_resync_seconds",
            "Time between two comparisons of a Workspace with its server.",
            self._sources.resync.total_seconds(),
        )


def _workspaces(seen: _Snapshot) -> Iterator[Family]:
    compared = Family(
        "sync_operator_workspace_last_compared_timestamp_seconds",
        "When the last whole comparison with the server began.",
        labels=_ONE,
    )
    for ref, at in seen.compared:
        compared.add(ref, at.timestamp())
    conditions = Family(
        "sync_operator_workspace_condition", "1 for the present status.", labels=[*_ONE, "type", "status"]
    )
    info = Family(
        "sync_operator_workspace_info",
        "Always 1: what a Workspace is, and the reason of its condition Ready.",
        labels=[*_ONE, "server", "reason"],
    )
    for workspace in seen.workspaces:
        who = _who(workspace)
        for entry in _conditions(workspace):
            conditions.add([*who, entry["type"], entry["status"]], 1)
        info.add([*who, _server(workspace), _reason(workspace)], 1)
    yield from (compared, conditions, info)


def _traffic(seen: _Snapshot) -> Iterator[Family]:
    """How it stands with the requests to their servers."""
    broken = Family(
        "sync_operator_workspace_circuit_breaker_open",
        "1 while requests to the server pause, because it fails or asked for it.",
        labels=_ONE,
    )
    budget = Family(
        "sync_operator_workspace_budget_requests_per_minute", "How many requests may go out in a minute.", labels=_ONE
    )
    free = Family(
        "sync_operator_workspace_budget_available_requests", "How many requests may go out at once.", labels=_ONE
    )
    waiting = Family("sync_operator_workspace_waiting", "Syncs and requests that wait for their turn.", labels=_ONE)
    for workspace, load in seen.loads:
        broken.add(workspace, not load.open)
        budget.add(workspace, load.per_minute)
        free.add(workspace, load.calls_left)
        waiting.add(workspace, load.waiting)
    yield from (broken, budget, free, waiting)


def _syncs(syncs: Iterable[_Object], ready: Mapping[tuple[str, str], str]) -> Iterator[Family]:
    """What the Syncs are.

    Args:
        syncs: the Syncs.
        ready: the status of condition Ready of each Workspace that there is.
    """
    created = Family("sync_operator_sync_created_timestamp_seconds", "When the resource was made.", labels=_ONE)
    info = Family(
        "sync_operator_sync_info",
        "Always 1: what a Sync is, the reason of its condition Ready, and the status of that of its Workspace.",
        labels=[*_ONE, "workspace", "workspace_ready", "reason", "suspended"],
    )
    conditions = Family("sync_operator_sync_condition", "1 for the present status.", labels=[*_ONE, "type", "status"])
    for sync in syncs:
        who = namespace, _ = _who(sync)
        home = namespace, workspace_name(sync)
        suspended = "true" if sync.get("spec", {}).get("suspend") else "false"
        info.add([*who, "/".join(home), ready.get(home, _UNKNOWN), _reason(sync), suspended], 1)
        since = _seconds(sync["metadata"].get("creationTimestamp"))
        if since is not None:
            created.add(who, since)
        for entry in _conditions(sync):
            conditions.add([*who, entry["type"], entry["status"]], 1)
    yield from (created, info, conditions)


def _runs(syncs: Iterable[_Object]) -> Iterator[Family]:
    """What is known of their runs."""
    success = Family("sync_operator_sync_last_success_timestamp_seconds", "When rows were last delivered.", labels=_ONE)
    expected = Family(
        "sync_operator_sync_expected_interval_seconds", "Time between the next two scheduled runs.", labels=_ONE
    )
    lasted = Family(
        "sync_operator_sync_last_run_duration_seconds", "How long the last run that ended took.", labels=_ONE
    )
    rows = Family("sync_operator_sync_last_run_rows", "Rows of the last run.", labels=[*_ONE, "outcome"])
    for sync in syncs:
        who, status = _who(sync), sync.get("status", {})
        succeeded = _seconds(status.get("lastSuccessAt"))
        if succeeded is not None:
            success.add(who, succeeded)
        coming = [at for at in map(_seconds, status.get("nextRuns", ())) if at is not None]
        if len(coming) > 1:
            expected.add(who, coming[1] - coming[0])
        last = status.get("lastRun", {})
        if "durationSeconds" in last:
            lasted.add(who, last["durationSeconds"])
        counted = last.get("rows", {})
        for outcome in _OUTCOMES:
            if outcome in counted:
                rows.add([*who, outcome], counted[outcome])
    yield from (success, expected, lasted, rows)


def _who(obj: _Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _server(workspace: _Object) -> str:
    """Host and port, and no more of the URL; empty where it has none."""
    url = workspace.get("spec", {}).get("url")
    server = server_of(url) if isinstance(url, str) else ""
    return "" if "/" in server else server.rpartition("@")[2]


def _conditions(obj: _Object) -> Iterable[_Object]:
    found: Iterable[_Object] = obj.get("status", {}).get("conditions", ())
    return found


def _status(obj: _Object, kind: str) -> str:
    return next((str(entry["status"]) for entry in _conditions(obj) if entry["type"] == kind), _UNKNOWN)


def _reason(obj: _Object) -> str:
    """The reason of condition Ready; empty before there is one."""
    found = (str(entry.get("reason", "")) for entry in _conditions(obj) if entry["type"] == ConditionType.READY)
    return next(found, "")


def _seconds(time: str | None) -> float | None:
    """A time of an object as seconds since 1970; None where there is none, or none that can be read."""
    try:
        return datetime.fromisoformat(time).timestamp() if time else None
    except ValueError:
        return None
