"""The server's own state of a sync: its status, whether it is enabled, and whether the server schedules it. Pure."""

from sync_operator.api.enums import Scheduler
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.resource_kind import HiddenDrift
from sync_operator.domain.snapshot import Snapshot
from sync_operator.syncapi.types import Dialect, RemoteSync, RunStatus

__all__ = ["enabled_drift", "has_server_schedule", "is_gone", "server_status", "wanted_enabled"]

DISABLED = "disabled"
_DELETED = "deleted"
_PENDING, _HEALTHY, _FAILED = "pending", "healthy", "failed"


def server_status(snapshot: Snapshot) -> str | None:
    """The server's status of the sync; ``deleted`` if the server no longer has it; as last written while unknown."""
    if _is_missing(snapshot):
        return _DELETED
    actual = snapshot.remote or snapshot.last_listed
    word = (actual.status or None) if actual else snapshot.sync.status.server_status
    if snapshot.workspace.dialect is Dialect.MULTIWOVEN:
        for result in snapshot.results:
            word = _after_run(word, result.run.status) if result.run is not None else word
    return word


def _after_run(word: str | None, run: RunStatus) -> str | None:
    """The server's status of a sync after a run has ended (contract section 6)."""
    if run is RunStatus.FAILED:
        return _FAILED
    return _HEALTHY if run is RunStatus.SUCCESS and word == _PENDING else word


def is_gone(snapshot: Snapshot) -> bool:
    """True if the server no longer has the sync, by this reconcile or by the status (after an outage or a restart)."""
    known = snapshot.remote is not None or snapshot.last_listed is not None
    return _is_missing(snapshot) or (snapshot.sync.status.server_status == _DELETED and not known)


def _is_missing(snapshot: Snapshot) -> bool:
    reset = snapshot.missing_from_lists and snapshot.mass_absence is not None
    return snapshot.not_found or (reset and snapshot.remote is None)


def wanted_enabled(spec: SyncSpec) -> bool:
    """Whether the server's sync is to be enabled; disabling it is how the server's own schedule is suspended."""
    return not (spec.scheduler is Scheduler.SERVER and spec.suspend)


def enabled_drift(snapshot: Snapshot, remote: RemoteSync) -> HiddenDrift | None:
    """The drift of a sync that is disabled and should be enabled, or the other way round; None if there is none."""
    spec = snapshot.sync.spec
    if spec is None or snapshot.workspace.dialect is not Dialect.MULTIWOVEN or not remote.status:
        return None
    disabled = remote.status == DISABLED
    if disabled is not wanted_enabled(spec):
        return None
    wanted, found = (DISABLED, "enabled")[disabled], (DISABLED, "enabled")[not disabled]
    return HiddenDrift(f"status: {wanted} → {found}", f"the server's status from {found} back to {wanted}")


def has_server_schedule(snapshot: Snapshot, remote: RemoteSync) -> bool:
    """True if the server schedules the sync and should not: an update alone does not stop that."""
    kind = remote.attributes.get("schedule_type")
    wanted = desired_body(snapshot)["schedule_type"]
    return snapshot.workspace.dialect is Dialect.MULTIWOVEN and wanted == "manual" and kind not in {None, "manual"}
