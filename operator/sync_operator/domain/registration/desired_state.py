"""The desired state of a resource on its server, and the drift from it. Pure."""

from typing import Any

from sync_operator.api.enums import DriftPolicy
from sync_operator.domain.memo import memoize
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import RemoteResource

__all__ = [
    "corrections",
    "desired_body",
    "drift",
    "drifted_fields",
    "fixed_fields",
    "has_drift",
    "is_registered",
    "lacks_secrets",
    "update_body",
]


@memoize
def desired_body(snapshot: ResourceSnapshot) -> dict[str, Any]:
    """The body of a create or update. Needs a valid spec, a known dialect, and secrets that were read.

    Raises:
        InvalidSpecError: the dialect does not support the spec, or a secret's pointer or a name does not resolve.
    """
    if snapshot.resource.spec is None or snapshot.workspace.dialect is None:
        raise ValueError("no body without spec and dialect")
    return snapshot.kind.body(snapshot)


def update_body(snapshot: ResourceSnapshot) -> dict[str, Any]:
    """The body of an update: without fixed fields, so that no update can turn one remote resource into another.

    Raises:
        InvalidSpecError: as for `desired_body`.
    """
    fixed = snapshot.kind.rules(snapshot).fixed
    return {name: value for name, value in desired_body(snapshot).items() if name not in fixed}


def lacks_secrets(snapshot: ResourceSnapshot) -> bool:
    """True while the values of ``spec.configurationSecrets`` have not been read in this reconcile."""
    spec = snapshot.resource.spec
    return snapshot.secrets is None and spec is not None and bool(snapshot.kind.secrets(spec))


@memoize
def is_registered(snapshot: ResourceSnapshot) -> bool:
    """True if the server holds the desired state: by what it returned, else by the status and the last list."""
    spec = snapshot.resource.spec
    if snapshot.remote is not None:
        return not has_drift(snapshot, snapshot.remote)
    if not snapshot.registered or spec is None or snapshot.not_found:
        return False
    if spec.drift_policy is DriftPolicy.IGNORE or snapshot.workspace.dialect is None or snapshot.workspace.suspended:
        return True
    if snapshot.missing_from_lists or (snapshot.last_listed is not None and lacks_secrets(snapshot)):
        return False
    wrong = snapshot.last_listed is not None and has_drift(snapshot, snapshot.last_listed)
    return not (wrong and spec.drift_policy is DriftPolicy.CORRECT)


def has_drift(snapshot: ResourceSnapshot, remote: RemoteResource) -> bool:
    """True if what the server holds differs from the desired state, or the dialect does not support the spec."""
    try:
        return bool(drifted_fields(snapshot, remote)) or snapshot.kind.hidden_drift(snapshot, remote) is not None
    except InvalidSpecError:
        return True


def drifted_fields(snapshot: ResourceSnapshot, remote: RemoteResource) -> tuple[str, ...]:
    """API names of the fields with drift that can be corrected; fixed fields are not included."""
    rules = snapshot.kind.rules(snapshot)
    names = rules.differing(desired_body(snapshot), remote.attributes)
    return tuple(name for name in names if name not in rules.fixed)


def fixed_fields(snapshot: ResourceSnapshot, remote: RemoteResource) -> tuple[str, ...]:
    """API names of the fixed fields that differ."""
    rules = snapshot.kind.rules(snapshot)
    return rules.differing(desired_body(snapshot), remote.attributes, names=rules.fixed)


def drift(snapshot: ResourceSnapshot, remote: RemoteResource) -> tuple[str, ...]:
    """The drift of a remote resource as message lines ``field: old → new``."""
    wrong, rules = drifted_fields(snapshot, remote), snapshot.kind.rules(snapshot)
    lines = rules.drift_lines(desired_body(snapshot), remote.attributes, wrong, secrets=_secrets(snapshot))
    hidden = snapshot.kind.hidden_drift(snapshot, remote)
    return (*lines, hidden.line) if hidden is not None else lines


def corrections(snapshot: ResourceSnapshot, remote: RemoteResource) -> tuple[str, ...]:
    """The corrections of the drift as message lines, each with the value that is overwritten."""
    wrong, rules = drifted_fields(snapshot, remote), snapshot.kind.rules(snapshot)
    lines = rules.correction_lines(desired_body(snapshot), remote.attributes, wrong, secrets=_secrets(snapshot))
    hidden = snapshot.kind.hidden_drift(snapshot, remote)
    return (*lines, hidden.correction) if hidden is not None else lines


def _secrets(snapshot: ResourceSnapshot) -> dict[str, str]:
    spec, known = snapshot.resource.spec, snapshot.secrets or {}
    return {entry.pointer: known.get(entry.pointer, "") for entry in snapshot.kind.secrets(spec)} if spec else {}
