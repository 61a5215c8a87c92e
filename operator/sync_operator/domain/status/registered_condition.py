"""The half of a status that every registered kind has: the condition ``Registered``, and its fields. Pure."""

from typing import Any, Final

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.validation.warning_rules import annotation_warnings
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.create_fence.late_creates import ADVICE
from sync_operator.domain.identity.resource_identity import is_ours, registered_account, registered_at
from sync_operator.domain.registration.desired_state import drift
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.status.set_conditions import DesiredCondition, warning_message

__all__ = ["ready_condition", "registered_condition", "registered_fields", "registered_words"]

_OF_ONE_GENERATION: Final = frozenset({Reason.DRIFT_CORRECTED, Reason.RECREATED})
"""Reasons of Registered that tell what was put right; a changed spec ends them, whose values they may name."""


def registered_fields(snapshot: ResourceSnapshot) -> dict[str, Any]:
    """The fields of every registered kind's status, by their names in Python; equal to those before if unchanged."""
    resource, workspace = snapshot.resource, snapshot.workspace
    before, remote_id = resource.status, _id(snapshot)
    moved = resource.remote_workspace is not None and resource.remote_workspace != snapshot.remote_workspace
    returned = is_ours(snapshot) and (snapshot.remote is not None or moved)
    placed = remote_id is not None and (before.url is None or returned)
    return {
        "observed_generation": resource.generation,
        "id": remote_id,
        "url": workspace.url if placed else before.url,
        "workspace_id": workspace.workspace_id if placed else before.workspace_id,
        "registered_at": registered_at(snapshot) if remote_id else None,
        "account": registered_account(snapshot) if remote_id else None,
        "origin": _origin(snapshot) if remote_id else before.origin,
        "drift": _drift(snapshot),
    }


def ready_condition(snapshot: ResourceSnapshot, blocker: Blocker | None, known: tuple[str, ...]) -> DesiredCondition:
    """The condition ``Ready`` of a kind that is done once it is registered.

    Args:
        snapshot: the snapshot after the reconcile.
        blocker: what keeps the resource from its end.
        known: the annotations of ours that the kind reads; the message warns of others.
    """
    if blocker is not None:
        return DesiredCondition(ConditionType.READY, False, blocker.reason, blocker.message)
    doubts = warning_message(annotation_warnings(snapshot.resource.annotations, known))
    return DesiredCondition(ConditionType.READY, True, Reason.REGISTERED, f"{registered_words(snapshot)}{doubts}")


def registered_condition(snapshot: ResourceSnapshot, blocker: Blocker | None, note: str = "") -> DesiredCondition:
    """The condition ``Registered``.

    Args:
        snapshot: the snapshot after the reconcile.
        blocker: what blocks the registration or the deletion.
        note: the kind's own end of the message about one that was just registered.
    """
    kind, noun = snapshot.kind.kind, snapshot.kind.noun
    if blocker is not None:
        return DesiredCondition(ConditionType.REGISTERED, False, blocker.reason, blocker.message)
    if snapshot.corrected:
        changes = "; ".join(snapshot.corrected)
        words = (
            f"{registered_words(snapshot)}; it was changed on the server, which does not say by whom, and put back: "
            f"{changes}. To keep such a change, write it into the spec; to have it only reported, set "
            "spec.driftPolicy to Report"
        )
        return DesiredCondition(ConditionType.REGISTERED, True, Reason.DRIFT_CORRECTED, words)
    if snapshot.recreated and not snapshot.adopted:
        words = f"{registered_words(snapshot)}, created again because it was deleted on the server"
        return DesiredCondition(ConditionType.REGISTERED, True, Reason.RECREATED, words)
    before = snapshot.resource.condition(ConditionType.REGISTERED)
    standing = before is not None and before.status == "True" and snapshot.registered
    if before is not None and before.reason in _OF_ONE_GENERATION:
        standing = standing and before.observed_generation == snapshot.resource.generation
    if snapshot.duplicates:
        return DesiredCondition(ConditionType.REGISTERED, True, Reason.DUPLICATE_FOUND, _duplicate_words(snapshot))
    if before is not None and standing and (snapshot.duplicates is None or ADVICE not in before.message):
        return DesiredCondition(ConditionType.REGISTERED, True, Reason(before.reason), before.message)
    words = f"{registered_words(snapshot)}{note}"
    adopted = _origin(snapshot) == "Adopted"
    if adopted and not _is_asked_for(snapshot):
        words = (
            f"{words}, which was found where one was to be made: it holds what this {kind} asks for, and belonged to "
            f"no {kind}. It stays on the server when this {kind} is deleted, unless spec.deletionPolicy is Delete"
        )
    if snapshot.others:
        others = ", ".join(snapshot.others)
        words = f"{words}; {noun} {others} {ADVICE} {kind}: check whether it is needed"
    reason = Reason.ADOPTED if adopted else Reason.REGISTERED
    return DesiredCondition(ConditionType.REGISTERED, True, reason, words)


def _duplicate_words(snapshot: ResourceSnapshot) -> str:
    kind, ids = snapshot.kind, ", ".join(duplicate.remote.id for duplicate in snapshot.duplicates or ())
    return (
        f"{registered_words(snapshot)}; {kind.noun} {ids} {ADVICE} {kind.kind}: it may be from a create whose answer "
        f"was lost, or somebody else's{kind.duplicate_effect}: delete it on the server if it is not needed"
    )


def registered_words(snapshot: ResourceSnapshot) -> str:
    """Part of a message: what it is registered as."""
    workspace = snapshot.workspace.workspace_id
    where = f" in workspace {workspace}" if workspace else ""
    return f"registered as {snapshot.kind.noun} {snapshot.remote_id}{where}"


def _id(snapshot: ResourceSnapshot) -> str | None:
    """The id for the status: None for one that was read to be adopted but conflicts with the spec."""
    blocker = registration_blocker(snapshot)
    if snapshot.resource.status.id is None and blocker is not None and blocker.reason is Reason.CONFLICT:
        return None
    return snapshot.remote_id


def _origin(snapshot: ResourceSnapshot) -> str | None:
    before = snapshot.resource.status
    if snapshot.remote_id is None or (before.id is not None and before.origin is not None):
        return before.origin
    return "Adopted" if _is_asked_for(snapshot) or snapshot.adopted else "Created"


def _is_asked_for(snapshot: ResourceSnapshot) -> bool:
    """True if the spec names the remote resource by its id."""
    return snapshot.resource.spec is not None and snapshot.resource.spec.external_id is not None


def _drift(snapshot: ResourceSnapshot) -> tuple[str, ...]:
    """Drift that is reported and not corrected; as last written while no newer list is known."""
    blocker, actual = registration_blocker(snapshot), snapshot.remote or snapshot.last_listed
    if blocker is None or blocker.reason is not Reason.DRIFT_FOUND:
        return ()
    if snapshot.not_found:
        return ("status: registered → deleted",)
    return drift(snapshot, actual) if actual is not None else snapshot.resource.status.drift
