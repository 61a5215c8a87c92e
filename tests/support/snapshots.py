"""Pictures for tests of decisions: one Sync and its ready Workspace, changed where a test needs it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.manifests import sync_manifest

from sync_operator.api.constants import (
    CREATE_LOST_ANNOTATION,
    CREATE_STARTED_ANNOTATION,
    FINALIZER,
    RUN_REQUESTED_AT_ANNOTATION,
)
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.run_status import RunTrigger
from sync_operator.api.statuses.status import SyncStatus
from sync_operator.api.statuses.status_fields import Condition, to_dict
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.runs.job_state import JobView
from sync_operator.domain.snapshot import RunnerConfig, Snapshot, SyncView
from sync_operator.domain.sync.sync_kind import SYNC
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.kubernetes.converters import sync_view
from sync_operator.syncapi.types import Dialect, RefKind, RemoteRun, RemoteSync, RunStatus

__all__ = [
    "BORN",
    "ENDED",
    "HOUR",
    "MAPPING",
    "NOW",
    "URL",
    "connected",
    "finished_job",
    "finished_run",
    "marked",
    "ours",
    "pictured",
    "registered",
    "repeated",
    "stalled",
    "stored",
    "synced",
]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
BORN = NOW - timedelta(hours=1)
HOUR = timedelta(hours=1)
ENDED = NOW - timedelta(minutes=1)
URL = "https://api.example.com"
MAPPING = [{"from": "id", "to": "external_id", "mapping_type": "standard"}]


def synced(
    name: str = "orders",
    *,
    status: SyncStatus | None = None,
    generation: int = 1,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> SyncView:
    """A Sync as the API server returns it; ``metadata`` and ``spec`` are laid over the usual."""
    manifest = sync_manifest(name, **{"configuration": MAPPING} | spec)
    usual = {
        "namespace": "team",
        "uid": f"uid-{name}",
        "generation": generation,
        "resourceVersion": "1",
        "creationTimestamp": BORN.isoformat(),
    }
    registered_before = marked() if status is not None and status.id else {}
    manifest["metadata"] = manifest["metadata"] | usual | dict(registered_before if metadata is None else metadata)
    return sync_view(manifest | {"status": to_dict(status or SyncStatus())})


def marked(at: datetime = BORN, **more: Any) -> dict[str, Any]:
    """Metadata of a Sync whose create was announced."""
    return {"finalizers": [FINALIZER], "annotations": {CREATE_STARTED_ANNOTATION: f"{at.isoformat()}/process"}} | more


def repeated(at: datetime = BORN) -> dict[str, Any]:
    """The same, where that create was given up, and may be sent once more."""
    metadata = marked(at)
    metadata["annotations"][CREATE_LOST_ANNOTATION] = NOW.isoformat()
    return metadata


def connected(**changes: Any) -> WorkspaceView:
    """A ready Workspace at a Multiwoven server."""
    usual: dict[str, Any] = {
        "name": "default",
        "url": URL,
        "workspace_id": "1",
        "dialect": Dialect.MULTIWOVEN,
        "token_secret": ("token", "token"),
    }
    return WorkspaceView(**usual | changes)


def pictured(sync: SyncView | None = None, **changes: Any) -> Snapshot:
    """The snapshot of a Sync, at noon, with a ready Workspace."""
    usual: dict[str, Any] = {
        "now": NOW,
        "kind": SYNC,
        "sync": sync or synced(),
        "workspace": connected(),
        "runner_config": RunnerConfig(image="runner:1"),
        "process": "process",
        "intent_verified": True,
        "unlisted": frozenset(RefKind),  # ids are not looked up
        "adoptable": False,  # nor whether there is one to adopt
    }
    return Snapshot(**usual | changes)


def registered(sync_id: str | None = "7", **changes: Any) -> SyncStatus:
    """The status of a Sync that the operator made."""
    usual: dict[str, Any] = {"id": sync_id, "url": URL, "workspace_id": "1", "origin": "Created"}
    return SyncStatus(**usual | changes)


def stalled(reason: Reason, message: str = "as told") -> tuple[Condition, ...]:
    """Conditions of a Sync of generation 1 that is not registered and stalls."""
    said = {"reason": reason, "message": message, "last_transition_time": BORN, "observed_generation": 1}
    return (Condition(type="Registered", status="False", **said), Condition(type="Stalled", status="True", **said))


def ours(status: SyncStatus | None = None, *, token: str = "", **spec: Any) -> SyncView:
    """A registered Sync; with a token, it is asked to run."""
    metadata = marked()
    if token:
        metadata["annotations"] |= {RUN_REQUESTED_AT_ANNOTATION: token}
    return synced(status=status or registered(), metadata=metadata, **spec)


def finished_job(name: str, *, at: datetime = ENDED - HOUR, ended: datetime | None = ENDED, **changes: Any) -> JobView:
    """A Job that took an hour; it still runs when ``ended`` is None."""
    return JobView(
        name, RunTrigger.SCHEDULE, at, started_at=at, finished_at=ended, finished=ended is not None, **changes
    )


def finished_run(number: int = 9, status: RunStatus = RunStatus.SUCCESS, **changes: Any) -> RemoteRun:
    """A run that took an hour."""
    times = {"created_at": ENDED - HOUR, "started_at": ENDED - HOUR, "finished_at": ENDED}
    return RemoteRun(number, status, **times | changes)


def stored(snapshot: Snapshot, sync_id: str = "7", *, status: str = "pending", **attributes: Any) -> RemoteSync:
    """The server's sync that holds what a snapshot asks for, but for ``attributes``."""
    return RemoteSync(sync_id, desired_body(snapshot) | attributes, status, created_at=NOW)
