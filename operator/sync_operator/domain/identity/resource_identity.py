"""Whether what has our id on the server is what was registered. Pure.

Ids are small integers. On a server that was rebuilt, restored or replaced, the same id may be somebody else's.
"""

from datetime import datetime
from typing import Any

from sync_operator.api.base import rfc3339_fraction
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.memo import memoize
from sync_operator.domain.registration.desired_state import has_drift, is_registered
from sync_operator.domain.registration.field_diff import FieldRules
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.status.error_classification import SLOW_RETRY
from sync_operator.syncapi.types import RemoteResource

__all__ = [
    "account_changed",
    "identity_conflict",
    "identity_error_changed",
    "is_ours",
    "is_unproven",
    "lacks_identity",
    "registered_account",
    "registered_at",
]

_UNTOUCHED = "nothing of it is changed, run or deleted"


@memoize
def identity_conflict(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if what has the registered id is another one by its mark or age, or differs in fixed fields."""
    status, actual = snapshot.resource.status, snapshot.remote or snapshot.last_listed
    if status.id is None or actual is None or actual.id != status.id:
        return None
    words = _other_mark(snapshot, actual) or _other_time(snapshot, actual) or _other_fields(snapshot, actual)
    # The next comparison with the server's list requeues it; the slow retry is for servers that refuse the list.
    return Blocker(Reason.CONFLICT, words, stalled=True, retry_after=SLOW_RETRY) if words else None


def account_changed(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if the Workspace's credentials belong to another account than the one that registered it."""
    status, workspace, noun = snapshot.resource.status, snapshot.workspace, snapshot.kind.noun
    if status.id is None or not status.account or not workspace.account or status.account == workspace.account:
        return None
    return Blocker(
        Reason.WORKSPACE_CHANGED,
        f"status.account: {noun} {status.id} was registered by account {status.account}, but the credentials of "
        f"Workspace {workspace.name!r} belong to account {workspace.account}, for which that id may be another "
        f"{noun}: {_UNTOUCHED}; put credentials of account {status.account} into its Secret, or {_way_out(snapshot)}",
        stalled=True,
    )


def is_ours(snapshot: ResourceSnapshot) -> bool:
    """True if the server has returned what is registered, and neither identity nor account conflict."""
    returned = snapshot.remote is not None or snapshot.last_listed is not None
    return returned and identity_conflict(snapshot) is None and account_changed(snapshot) is None


def is_unproven(snapshot: ResourceSnapshot) -> bool:
    """True if the last status has Registered=False, and the server has not returned it since."""
    reported = snapshot.resource.condition(ConditionType.REGISTERED)
    unseen = snapshot.remote is None and snapshot.last_listed is None
    return unseen and snapshot.resource.status.id is not None and reported is not None and reported.status == "False"


def registered_at(snapshot: ResourceSnapshot) -> datetime | None:
    """Creation time of the registered resource, by the server's clock; None if the server omits it."""
    status, actual = snapshot.resource.status, snapshot.remote or snapshot.last_listed
    if status.id is not None and status.registered_at is not None:
        return status.registered_at
    if actual is None or actual.created_at is None or not _is_certain(snapshot, actual):
        return None
    return actual.created_at


def registered_account(snapshot: ResourceSnapshot) -> str | None:
    """The account that registered it; None if neither the server nor the token has it."""
    status, actual = snapshot.resource.status, snapshot.remote or snapshot.last_listed
    if status.id is not None and status.account:
        return status.account
    certain = actual is not None and _is_certain(snapshot, actual)
    return (snapshot.workspace.account or None) if certain else None


def lacks_identity(snapshot: ResourceSnapshot) -> bool:
    """True if the status, written by an earlier release, lacks creation time or account and they are known now."""
    known = registered_at(snapshot), registered_account(snapshot)
    status = snapshot.resource.status
    return status.id is not None and known != (status.registered_at, status.account or None)


def identity_error_changed(snapshot: ResourceSnapshot) -> bool:
    """True if the identity conflict by the last list differs from the one in the status."""
    reported, current = snapshot.resource.condition(ConditionType.REGISTERED), identity_conflict(snapshot)
    rejected = reported is not None and reported.status == "False" and reported.reason == Reason.CONFLICT
    return (reported.message if reported is not None and rejected else None) != (current.message if current else None)


def _is_certain(snapshot: ResourceSnapshot, actual: RemoteResource) -> bool:
    """True for one just created or adopted, or one registered by an earlier release without any drift."""
    if snapshot.resource.status.id is None:
        return snapshot.remote is not None
    return is_ours(snapshot) and is_registered(snapshot) and not has_drift(snapshot, actual)


def _other_mark(snapshot: ResourceSnapshot, actual: RemoteResource) -> str:
    proof = snapshot.kind.proof
    if proof is None or proof(snapshot, actual) is not False or _is_as_adopted(snapshot, actual):
        return ""
    noun = snapshot.kind.noun
    return (
        f"status.id: {noun} {actual.id} on {snapshot.workspace.url} has the mark of another resource, so it is another "
        f"{noun}: {_UNTOUCHED}; let Workspace {snapshot.workspace.name!r} name the server that has yours, or "
        f"{_way_out(snapshot)}"
    )


def _is_as_adopted(snapshot: ResourceSnapshot, actual: RemoteResource) -> bool:
    """True if it was adopted with the mark of another, which the next update replaces, and is still the same one."""
    status = snapshot.resource.status
    recorded = status.registered_at if status.origin == "Adopted" else None
    return recorded is not None and actual.was_created_at(recorded)


def _other_time(snapshot: ResourceSnapshot, actual: RemoteResource) -> str:
    status = snapshot.resource.status
    if status.registered_at is None or actual.created_at is None:
        return ""
    made, noun = actual.created_at, snapshot.kind.noun
    if actual.was_created_at(status.registered_at):
        return ""
    return (
        f"status.registeredAt: {noun} {status.id} was registered at {rfc3339_fraction(status.registered_at)}, but the "
        f"{noun} with that id on {snapshot.workspace.url} was created at {rfc3339_fraction(made)}, so it is another "
        f"one, as on a server that was rebuilt, restored or replaced: {_UNTOUCHED}; let Workspace "
        f"{snapshot.workspace.name!r} name the server that has yours, or {_way_out(snapshot)}"
    )


def _other_fields(snapshot: ResourceSnapshot, actual: RemoteResource) -> str:
    kind, rules, spec = snapshot.kind, snapshot.kind.rules(snapshot), snapshot.resource.spec
    wanted = _fixed_values(snapshot, rules)
    names = [
        name
        for name in rules.differing(wanted, actual.attributes, names=wanted)
        if name not in rules.optional or actual.attributes.get(name)
    ]
    if not names:
        return ""
    fields = ", ".join(kind.field_path(spec, name) if spec else name for name in names)
    found = rules.changes(wanted, actual.attributes, names)
    changes = "; ".join(f"{change.path}: {change.old} → {change.new}" for change in found)
    return (
        f"{fields}: {kind.noun} {actual.id} on {snapshot.workspace.url} differs in what is fixed once registered "
        f"({changes}): somebody changed it, or it is another {kind.noun}; {_UNTOUCHED}; put it back there, or let "
        f"Workspace {snapshot.workspace.name!r} name the server that has yours, or {_way_out(snapshot)}"
    )


def _way_out(snapshot: ResourceSnapshot) -> str:
    return f"set spec.deletionPolicy to Retain, delete this {snapshot.kind.kind} and create it again"


def _fixed_values(snapshot: ResourceSnapshot, rules: FieldRules) -> dict[str, Any]:
    """Fixed fields as registered, by API name: from the status, else from the spec, where they cannot change.

    Ids that are neither in the status nor in the spec (references by name) are left out.
    """
    status, spec = snapshot.resource.status, snapshot.resource.spec
    found = {name: getattr(status, name, None) or getattr(spec, name, None) for name in rules.fixed}
    absent = frozenset() if spec is None else rules.optional
    return {name: value for name, value in found.items() if value is not None or name in absent}
