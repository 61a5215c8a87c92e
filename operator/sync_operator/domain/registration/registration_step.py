"""The next action for the registration: one remote resource for this resource, in the desired state. Pure."""

from typing import Any

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION
from sync_operator.domain.blocker import Phase
from sync_operator.domain.create_fence.candidates import adopts, is_certain, made_by_own_create, takeable
from sync_operator.domain.create_fence.create_intent import intent_time, is_fenced, repeated_at
from sync_operator.domain.identity.cluster_mark import cluster_changed, lacks_cluster_mark
from sync_operator.domain.registration.desired_state import corrections, desired_body, is_registered, lacks_secrets
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    ForgetRemote,
    ListRemotes,
    LookForEqual,
    ReadRemote,
    ReadSecrets,
    RecordClusterUid,
    RecordCreateIntent,
    RegistrationAction,
    VerifyWorkspace,
)
from sync_operator.domain.registration.resource_kind import ResourceSpec
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot

__all__ = ["registration_step"]


def registration_step(snapshot: ResourceSnapshot) -> RegistrationAction | Any:
    """The next action for the registration, which may be one of the kind's own; None if it is done or blocked."""
    resource, kind = snapshot.resource, snapshot.kind
    if cluster_changed(snapshot):
        return None
    if resource.status.id and kind.finalizer not in resource.finalizers and Phase.REGISTRATION not in snapshot.failures:
        return _mark(snapshot)  # `kubectl replace` drops the finalizer
    if resource.spec is None or snapshot.workspace.dialect is None:
        return None
    if registration_blocker(snapshot) or is_registered(snapshot):
        return None
    lookup = kind.lookup(snapshot)
    if lookup is not None:
        return lookup
    if lacks_secrets(snapshot):
        return ReadSecrets(kind.secrets(resource.spec), Phase.REGISTRATION)
    if snapshot.remote_id is None and (first := _before_create(snapshot)) is not None:
        return first
    if lacks_cluster_mark(snapshot):
        return RecordClusterUid()
    if snapshot.remote_id is None:
        return _take_or_create(snapshot, resource.spec)
    if snapshot.not_found:
        return ForgetRemote() if snapshot.workspace_verified else VerifyWorkspace()
    if snapshot.remote is None or not snapshot.was_read:
        return ReadRemote(snapshot.remote_id, Phase.REGISTRATION)
    changes = corrections(snapshot, snapshot.remote) if snapshot.registered else ()
    return kind.update(snapshot, snapshot.remote, changes)


def _before_create(snapshot: ResourceSnapshot) -> LookForEqual | RecordCreateIntent | None:
    """What comes before anything is taken or created: to look whether there is one to adopt, and the create intent.

    Where a create may have been sent, the list that is read for that shows what can be adopted, too.
    """
    if snapshot.adoptable is None and adopts(snapshot) and not (snapshot.recreated or _may_have_sent(snapshot)):
        return LookForEqual()
    return None if is_fenced(snapshot) else _mark(snapshot)


def _may_have_sent(snapshot: ResourceSnapshot) -> bool:
    """True if there is our finalizer or a create intent, so that an earlier process may have sent a create."""
    known = (
        snapshot.kind.finalizer in snapshot.resource.finalizers
        or CREATE_STARTED_ANNOTATION in snapshot.resource.annotations
    )
    return (known or snapshot.create_sent is not None) and not snapshot.create_fresh


def _mark(snapshot: ResourceSnapshot, *, repeats: bool = False) -> RecordCreateIntent:
    """Write finalizer and create intent; the intent keeps its time if a create may have been sent."""
    lost = _may_have_sent(snapshot)
    return RecordCreateIntent(intent_time(snapshot) if lost else snapshot.now, fresh=not lost, repeats=repeats)


def _take_or_create(snapshot: ResourceSnapshot, spec: ResourceSpec) -> RegistrationAction:
    if spec.external_id:
        return ReadRemote(spec.external_id, Phase.REGISTRATION)
    fresh = snapshot.create_fresh and snapshot.name_taken is None
    if fresh and not snapshot.recreated and not snapshot.adoptable:
        return _create(snapshot)
    if snapshot.listing is None:
        return ListRemotes(Phase.REGISTRATION)
    found = takeable(snapshot)
    if not found:
        return _create(snapshot)
    made = made_by_own_create(snapshot)
    if not made and not snapshot.create_fresh and repeated_at(snapshot) is None:
        # One that equals it instead of the create that was given up, which may still be carried out late.
        return _mark(snapshot, repeats=True)
    certain = tuple(remote for remote in made if is_certain(snapshot, remote))
    taken = (certain or found)[0]
    others = tuple(remote.id for remote in found if remote is not taken)
    return AdoptCreated(taken, others, adopted=not certain)


def _create(snapshot: ResourceSnapshot) -> CreateRemote | RecordCreateIntent:
    """The create, if the create intent is confirmed as this process's; else the intent is written first.

    It is also written first if a create is repeated and the intent does not record a repetition yet.
    """
    repeats = not snapshot.create_fresh
    if snapshot.intent_verified and (repeated_at(snapshot) is not None or not repeats):
        return CreateRemote(desired_body(snapshot))
    return _mark(snapshot, repeats=repeats)
