"""Blockers of the registration, as far as the snapshot shows them without a request."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sync_operator.api.base import rfc3339
from sync_operator.api.enums import DriftPolicy
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.candidates import (
    doubtful_creates,
    lost_creates,
    rival_creates,
    undecided_until,
)
from sync_operator.domain.create_fence.matching import Claim, winning_claim
from sync_operator.domain.create_fence.taken_name import name_taken
from sync_operator.domain.create_fence.unresolved_creates import UnresolvedCreate
from sync_operator.domain.identity.cluster_mark import cluster_changed
from sync_operator.domain.identity.resource_identity import account_changed, identity_conflict
from sync_operator.domain.memo import memoize
from sync_operator.domain.registration.desired_state import (
    drift,
    drifted_fields,
    fixed_fields,
    is_registered,
    lacks_secrets,
)
from sync_operator.domain.registration.resource_kind import ResourceSpec
from sync_operator.domain.registration.resource_snapshot import MassAbsence, ResourceSnapshot
from sync_operator.domain.status.error_classification import (
    OUTAGES,
    SLOW_RETRY,
    classify_error,
    reset_remedy,
    reset_words,
)

__all__ = [
    "claim_conflict",
    "is_in_place",
    "is_trial_due",
    "registration_blocker",
    "unknown_outcome",
    "workspace_blocker",
    "workspace_changed",
    "workspace_suspended",
]

_RIVAL_RETRY = 5.0
"""Seconds between two looks at whether the create of another resource has been resolved. They need no new list."""
_PERSISTED = (Reason.REJECTED, Reason.DRIFT_FOUND)
"""Reasons that stay in effect until the spec or the server changes, even across a restart of the controller."""


def is_in_place(snapshot: ResourceSnapshot) -> bool:
    """True if it is registered, and nothing keeps the server from being asked for more that concerns it."""
    if snapshot.workspace.dialect is None or workspace_suspended(snapshot):
        return False
    return registration_blocker(snapshot) is None and is_registered(snapshot)


def is_trial_due(snapshot: ResourceSnapshot, phase: Phase, kind: ConditionType) -> bool:
    """True if what is tried on the server after each write is to be tried now: after a write, or if it never was.

    Args:
        snapshot: the snapshot.
        phase: of the trial; one that has failed in this reconcile is not repeated.
        kind: the condition that tells the outcome.
    """
    written = snapshot.created or snapshot.updated
    if phase in snapshot.failures or not (written or snapshot.resource.condition(kind) is None):
        return False
    return is_in_place(snapshot)


@memoize
def registration_blocker(snapshot: ResourceSnapshot) -> Blocker | None:
    """The first blocker: a failure of this reconcile, else one that the snapshot shows; None if there is none."""
    return (
        snapshot.failures.get(Phase.REGISTRATION)
        or cluster_changed(snapshot)
        or _invalid_spec(snapshot)
        or workspace_changed(snapshot)
        or workspace_blocker(snapshot)
        or claim_conflict(snapshot)
        or identity_conflict(snapshot)
        or snapshot.kind.reference_blocker(snapshot)
        or _on_the_server(snapshot)
        or _made_otherwise(snapshot)
        or unknown_outcome(snapshot)
        or name_taken(snapshot)
        or _persisted_rejection(snapshot)
    )


def workspace_blocker(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if the Workspace is missing, unusable, or suspended while a request to the server is needed."""
    workspace = snapshot.workspace
    if not workspace.found:
        return Blocker(
            Reason.WORKSPACE_NOT_FOUND,
            f"spec.workspaceRef.name: there is no Workspace {workspace.name!r} in namespace "
            f"{snapshot.resource.namespace!r}; create it, and this {snapshot.kind.kind} goes on by itself",
            resolved_by_watch=True,
        )
    if workspace.blocker is not None and not (snapshot.registered and workspace.blocker.reason in OUTAGES):
        words = f"Workspace {workspace.name!r}: {workspace.blocker.message}"
        return replace(workspace.blocker, message=words)
    return None if snapshot.registered else workspace_suspended(snapshot)


def workspace_suspended(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if the Workspace is suspended (``spec.suspend``)."""
    if not snapshot.workspace.suspended:
        return None
    message = f"Workspace {snapshot.workspace.name!r} is suspended; set its spec.suspend to false to go on"
    return Blocker(Reason.WORKSPACE_NOT_READY, message, resolved_by_watch=True)


def workspace_changed(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if the Workspace now names another server, workspace or account than the one that issued the id."""
    status, workspace = snapshot.resource.status, snapshot.workspace
    if status.id is None or not workspace.found or status.url is None:
        return None
    if snapshot.remote_workspace == workspace.remote_workspace:
        return account_changed(snapshot)
    return Blocker(
        Reason.WORKSPACE_CHANGED,
        f"spec.workspaceRef: {snapshot.kind.noun} {status.id} belongs to workspace {status.workspace_id or '(none)'} "
        f"of {status.url}, but Workspace {workspace.name!r} now names workspace {workspace.workspace_id or '(none)'} "
        f"of {workspace.url}; put it back, or set deletionPolicy: Retain and delete this {snapshot.kind.kind}",
        stalled=True,
    )


def claim_conflict(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if another resource has the better claim to the remote resource that this one owns or asks for."""
    resource, spec = snapshot.resource, snapshot.resource.spec
    wanted = resource.status.id or (spec.external_id if spec else None)
    if wanted is None:
        return None
    own = Claim(
        f"{resource.namespace}/{resource.name}", resource.status.id is not None, resource.created_at, resource.uid
    )
    other = winning_claim(own, snapshot.competing_claims)
    if other is None:
        return None
    kind, noun = snapshot.kind.kind, snapshot.kind.noun
    field = "status.id" if resource.status.id else "spec.externalId"
    ours = other.holder.partition("/")[0] == resource.namespace or other.account == snapshot.workspace.account != ""
    holder = f"{kind} {other.holder}" if ours else f"a {kind} of another namespace"
    message = f"{field}: {noun} {wanted} already belongs to {holder}; delete one of the two {kind}s"
    return Blocker(Reason.CONFLICT, message, stalled=True)


def unknown_outcome(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if a create may have been carried out, or may still be, and the list does not show which."""
    if (
        snapshot.remote_id is not None
        or snapshot.listing is None
        or snapshot.resource.spec is None
        or snapshot.create_fresh
    ):
        return None
    doubtful, kind, noun = doubtful_creates(snapshot), snapshot.kind.kind, snapshot.kind.noun
    if doubtful:
        ageless = doubtful[0].created_at is None
        changed = "the spec, a Secret in it, or what a name in it leads to may have changed since"
        why = f"the server does not tell when its {noun}s were made" if ageless else changed
        return Blocker(
            Reason.OUTCOME_UNKNOWN,
            f"an earlier create may have created {noun} {' or '.join(remote.id for remote in doubtful[:3])}, but {why}"
            f". Look for it there: if it was created for this {kind}, set spec.externalId to its id; otherwise delete "
            f"this {kind} and create it again",
            stalled=True,
            retry_after=SLOW_RETRY,
        )
    until = undecided_until(snapshot)
    if until is None or (snapshot.listed_at or snapshot.now) >= until:
        return None
    seconds = max(0.1, (until - snapshot.now).total_seconds())
    rivals = rival_creates(snapshot)
    if not rivals:
        words = "an earlier create may still be under way; looking again before it is repeated"
        return Blocker(Reason.OUTCOME_UNKNOWN, words, retry_after=seconds)
    words = _rival_words(snapshot, *next(iter(rivals.items())), until)
    return Blocker(Reason.OUTCOME_UNKNOWN, words, retry_after=min(seconds, _RIVAL_RETRY))


def _rival_words(snapshot: ResourceSnapshot, remote_id: str, rival: UnresolvedCreate, until: datetime) -> str:
    """Message about a remote resource that may come from a create of this resource or of another one."""
    kind, noun = snapshot.kind.kind, snapshot.kind.noun
    namespace, _, name = rival.holder.partition("/")
    holder = f"{kind} {name}" if namespace == snapshot.resource.namespace else f"a {kind} of another namespace"
    words = (
        f"{noun} {remote_id} on the server has all values of this {kind}, but may come from a create of {holder}, "
        f"whose outcome is unknown too; looking again until {rfc3339(until)}, then this {kind} goes on without waiting "
        "for it"
    )
    if snapshot.resource.deleting:
        return words
    return f"{words}; if {noun} {remote_id} was made for this resource, set spec.externalId to its id"


def _invalid_spec(snapshot: ResourceSnapshot) -> Blocker | None:
    resource = snapshot.resource
    error = resource.spec_error
    if resource.spec is not None and error is None:
        error = snapshot.kind.refusal(snapshot)
    return classify_error(error) if error is not None else None


def _on_the_server(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if the server's state cannot be changed to the desired state, or must not be."""
    resource, spec = snapshot.resource, snapshot.resource.spec
    if spec is None or snapshot.workspace.dialect is None or snapshot.workspace.suspended:
        return None
    if snapshot.missing_from_lists and snapshot.mass_absence is not None and snapshot.remote is None:
        return _server_reset(snapshot, snapshot.mass_absence)
    if snapshot.not_found:
        return _gone(snapshot, spec)
    remote, noun = snapshot.remote, snapshot.kind.noun
    if remote is not None and resource.status.id is None and spec.external_id and not snapshot.updated:
        names = fixed_fields(snapshot, remote)
        if names:
            listed = _paths(snapshot, names)
            return Blocker(
                Reason.CONFLICT,
                f"{listed}: {noun} {remote.id} (spec.externalId) has another value on the server, which cannot be "
                f"changed there; write the server's value into the spec, or name another {noun}",
                stalled=True,
            )
    if remote is not None and snapshot.updated and drifted_fields(snapshot, remote):
        listed = _paths(snapshot, drifted_fields(snapshot, remote))
        message = (
            f"{listed}: the server took the update but kept another value; write what it keeps, or correct it there"
        )
        return Blocker(Reason.REJECTED, message, stalled=True)
    return _drift_found(snapshot, spec)


def _paths(snapshot: ResourceSnapshot, names: Iterable[str]) -> str:
    """Field paths of API names, for a message."""
    return ", ".join(snapshot.kind.field_path(snapshot.resource.spec, name) for name in names)


def _gone(snapshot: ResourceSnapshot, spec: ResourceSpec) -> Blocker | None:
    """The blocker if the registered resource was deleted on the server; None once it may be created again."""
    kind, noun = snapshot.kind.kind, snapshot.kind.noun
    words = f"status.id: {noun} {snapshot.resource.status.id} was deleted on the server"
    if spec.drift_policy is DriftPolicy.REPORT:
        message = f"{words}; set spec.driftPolicy to Correct to have it created again, or delete this {kind}"
        return Blocker(Reason.DRIFT_FOUND, message, stalled=True, retry_after=SLOW_RETRY)
    if spec.external_id is None and spec.drift_policy is DriftPolicy.CORRECT:
        if snapshot.missing_from_lists:
            return None
        words = f"{words}, by one answer"
        message = f"{words}; it is created again once two lists of the workspace, one period apart, lack it"
        return Blocker(Reason.EXTERNAL_NOT_FOUND, message, resolved_by_watch=True)
    remedy = "remove spec.externalId" if spec.external_id else "set spec.driftPolicy to Correct"
    message = f"{words}; {remedy} to have it created again, or delete this {kind}"
    return Blocker(Reason.EXTERNAL_NOT_FOUND, message, stalled=True, retry_after=SLOW_RETRY)


def _made_otherwise(snapshot: ResourceSnapshot) -> Blocker | None:
    """The blocker if a create of ours was carried out, and the spec has changed in a fixed field since.

    The id is not written to the status until that is resolved: there it would fix the spec's fields too.
    """
    resource, spec = snapshot.resource, snapshot.resource.spec
    if spec is None or resource.status.id is not None or spec.external_id or lacks_secrets(snapshot):
        return None
    made = snapshot.remote or next(iter(lost_creates(snapshot)), None)
    names = fixed_fields(snapshot, made) if made is not None else ()
    if made is None or not names:
        return None
    listed, kind, noun = _paths(snapshot, names), snapshot.kind.kind, snapshot.kind.noun
    return Blocker(
        Reason.CONFLICT,
        f"{listed}: changed since {noun} {made.id} was made for this {kind}, which cannot be changed there; put the "
        f"old value back, or delete this {kind}, and that {noun} with it, and create it again",
        stalled=True,
        retry_after=SLOW_RETRY,
    )


def _server_reset(snapshot: ResourceSnapshot, absence: MassAbsence) -> Blocker:
    """The blocker if too many remote resources are missing at once to have been deleted one by one."""
    noun = snapshot.kind.noun
    return Blocker(
        Reason.SERVER_RESET,
        f"status.id: {noun} {snapshot.resource.status.id} is not on the server any more; {reset_words(absence, noun)}. "
        f"None is created again. {reset_remedy(snapshot.workspace.name, snapshot.resource.namespace)}",
        stalled=True,
    )


def _drift_found(snapshot: ResourceSnapshot, spec: ResourceSpec) -> Blocker | None:
    actual = snapshot.remote or snapshot.last_listed
    if spec.drift_policy is not DriftPolicy.REPORT or not snapshot.was_in_sync or snapshot.secrets_may_have_changed:
        return None
    if actual is None or lacks_secrets(snapshot):
        return None
    lines = drift(snapshot, actual)
    if not lines:
        return None
    message = f"changed on the server: {'; '.join(lines)}; write it into the spec, or set spec.driftPolicy to Correct"
    return Blocker(Reason.DRIFT_FOUND, message, stalled=True)


def _persisted_rejection(snapshot: ResourceSnapshot) -> Blocker | None:
    """The rejection in the status for this generation: the same body would only be rejected again."""
    resource = snapshot.resource
    written = resource.condition(ConditionType.REGISTERED)
    stalled = resource.condition(ConditionType.STALLED)
    if written is None or stalled is None or written.observed_generation != resource.generation:
        return None
    if (
        written.status == "True"
        or written.reason not in _PERSISTED
        or snapshot.secrets_may_have_changed
        or snapshot.remote is not None
    ):
        return None
    if written.reason == Reason.DRIFT_FOUND and snapshot.last_listed is not None:
        return None
    return Blocker(Reason(written.reason), written.message, stalled=True)
