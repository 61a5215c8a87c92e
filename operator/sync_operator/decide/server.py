"""What the server is to hold for a Sync, and what of it is otherwise. Pure."""

from typing import Any

from sync_operator.decide.body import sync_body
from sync_operator.decide.diff import FIXED, differing_fields, drift_lines
from sync_operator.decide.once import once
from sync_operator.decide.picture import Picture
from sync_operator.decide.refs import body_ids
from sync_operator.errors import InvalidSpecError
from sync_operator.model.sync import DriftPolicy, Scheduler, SyncSpec
from sync_operator.remote.types import Dialect, RemoteSync, RunStatus

__all__ = [
    "desired_body",
    "drift",
    "fixed_fields",
    "found_wrong",
    "is_gone",
    "is_registered",
    "lacks_secrets",
    "runs_by_itself",
    "server_status",
    "update_body",
    "wanted_enabled",
    "wrong_fields",
    "wrongly_enabled",
]

_DISABLED = "disabled"
_DELETED = "deleted"
_PENDING, _HEALTHY, _FAILED = "pending", "healthy", "failed"


@once
def desired_body(picture: Picture) -> dict[str, Any]:
    """The body of a create or update. Only for a valid spec, a known dialect, and secrets that were read.

    Raises:
        InvalidSpecError: the dialect cannot say it, a secret's pointer leads nowhere, or a name does.
    """
    spec, dialect = picture.sync.spec, picture.workspace.dialect
    if spec is None or dialect is None:
        raise ValueError("no body without spec and dialect")
    return sync_body(spec, body_ids(picture), dialect, picture.secrets or {})


def update_body(picture: Picture) -> dict[str, Any]:
    """The body of an update: without what is fixed, so that no update can make one sync into another.

    Raises:
        InvalidSpecError: as `desired_body`.
    """
    return {name: value for name, value in desired_body(picture).items() if name not in FIXED}


def lacks_secrets(picture: Picture) -> bool:
    """True while the values of ``spec.configurationSecrets`` have not been read in this reconcile."""
    spec = picture.sync.spec
    return bool(spec and spec.configuration_secrets) and picture.secrets is None


@once
def is_registered(picture: Picture) -> bool:
    """True when the server holds what the spec says, as far as this reconcile has to know."""
    spec = picture.sync.spec
    if picture.remote is not None:
        return not found_wrong(picture, picture.remote)
    if not picture.registered or spec is None or picture.gone:
        return False
    if spec.drift_policy is DriftPolicy.IGNORE or picture.workspace.dialect is None or picture.workspace.suspended:
        return True
    if picture.missing or (picture.seen is not None and lacks_secrets(picture)):
        return False
    wrong = picture.seen is not None and found_wrong(picture, picture.seen)
    return not (wrong and spec.drift_policy is DriftPolicy.CORRECT)


def server_status(picture: Picture) -> str | None:
    """The server's word for the state of the sync, or ours when it has the sync no more; as before while not known."""
    if _is_missing(picture):
        return _DELETED
    actual = picture.remote or picture.seen
    word = (actual.status or None) if actual else picture.sync.status.server_status
    if picture.workspace.dialect is Dialect.MULTIWOVEN:
        for result in picture.results:
            word = _after_run(word, result.run.status) if result.run is not None else word
    return word


def _after_run(word: str | None, run: RunStatus) -> str | None:
    """What the server calls a sync after a run has ended (contract, section 6)."""
    if run is RunStatus.FAILED:
        return _FAILED
    return _HEALTHY if run is RunStatus.SUCCESS and word == _PENDING else word


def is_gone(picture: Picture) -> bool:
    """True when the server had the sync no more as last known, also when that was before an outage or a restart."""
    known = picture.remote is not None or picture.seen is not None
    return _is_missing(picture) or (picture.sync.status.server_status == _DELETED and not known)


def _is_missing(picture: Picture) -> bool:
    reset = picture.missing and picture.mass_absence is not None
    return picture.gone or (reset and picture.remote is None)


def found_wrong(picture: Picture, remote: RemoteSync) -> bool:
    """True when that sync of the server's is not what the spec asks for, as when the dialect cannot say that."""
    try:
        return bool(wrong_fields(picture, remote)) or wrongly_enabled(picture, remote)
    except InvalidSpecError:
        return True


def wrong_fields(picture: Picture, remote: RemoteSync) -> tuple[str, ...]:
    """API names of the fields to be put right; what is fixed once registered is not among them."""
    names = differing_fields(desired_body(picture), remote.attributes)
    return tuple(name for name in names if name not in FIXED)


def fixed_fields(picture: Picture, remote: RemoteSync) -> tuple[str, ...]:
    """API names of the fields that differ and are fixed once a sync is registered."""
    return differing_fields(desired_body(picture), remote.attributes, names=FIXED)


def wanted_enabled(spec: SyncSpec) -> bool:
    """Whether the server's sync is to be enabled: disabled is how the server's own schedule is suspended."""
    return not (spec.scheduler is Scheduler.SERVER and spec.suspend)


def wrongly_enabled(picture: Picture, remote: RemoteSync) -> bool:
    """True when the sync is disabled and should not be, or the other way round."""
    spec = picture.sync.spec
    if spec is None or picture.workspace.dialect is not Dialect.MULTIWOVEN or not remote.status:
        return False
    return (remote.status != _DISABLED) is not wanted_enabled(spec)


def runs_by_itself(picture: Picture, remote: RemoteSync) -> bool:
    """True when the server schedules the sync and is to stop doing so, which takes more than an update."""
    kind = remote.attributes.get("schedule_type")
    wanted = desired_body(picture)["schedule_type"]
    return picture.workspace.dialect is Dialect.MULTIWOVEN and wanted == "manual" and kind not in {None, "manual"}


def drift(picture: Picture, remote: RemoteSync) -> tuple[str, ...]:
    """What others changed on that sync, each as ``field: old → new``."""
    spec = picture.sync.spec
    known = picture.secrets or {}
    secrets = {entry.pointer: known.get(entry.pointer, "") for entry in spec.configuration_secrets} if spec else {}
    lines = drift_lines(desired_body(picture), remote.attributes, wrong_fields(picture, remote), secrets=secrets)
    if not wrongly_enabled(picture, remote):
        return lines
    states = (_DISABLED, "enabled")
    return (*lines, f"status: {states[remote.status == _DISABLED]} → {states[remote.status != _DISABLED]}")
