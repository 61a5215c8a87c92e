"""Listed resources that an unanswered create of ours may have made. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.api.enums import AdoptionPolicy
from sync_operator.domain.create_fence.create_intent import intent_time, repeated_at
from sync_operator.domain.create_fence.matching import earliest_creation, matches_create
from sync_operator.domain.create_fence.unresolved_creates import (
    UnresolvedCreate,
    assign,
    is_certain_of,
    may_have_made,
)
from sync_operator.domain.memo import memoize
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import RemoteResource
from sync_operator.util.packed_json import unpacked

__all__ = [
    "adopts",
    "doubtful_creates",
    "equals",
    "is_certain",
    "lost_creates",
    "made_by_own_create",
    "rival_creates",
    "sent_body",
    "takeable",
    "undecided_until",
    "unresolved_create",
]


_NAME: Final = "name"
"""API field that people know a resource by, of the kinds whose resources have a mark."""


@memoize
def lost_creates(snapshot: ResourceSnapshot) -> tuple[RemoteResource, ...]:
    """Remote resources that match an unanswered create of this resource, oldest first.

    A body sent by this process is still known. One sent by an earlier process is assumed to be today's desired state.
    Those that unresolved creates of other resources are to have are left out.
    """
    body = sent_body(snapshot)
    return _made(snapshot, body, complete=True) if body is not None else ()


def adopts(snapshot: ResourceSnapshot) -> bool:
    """True if the resource, when it is registered for the first time, takes one that equals it."""
    spec = snapshot.resource.spec
    return spec is not None and spec.external_id is None and spec.adoption_policy is AdoptionPolicy.ADOPT_OR_CREATE


def equals(snapshot: ResourceSnapshot, remote: RemoteResource) -> bool:
    """True if a remote resource holds the desired state, whoever has made it, or is known by its mark.

    By the mark of another resource of this cluster, it need only have the same name and the same fixed fields. Whether
    that other resource is still there is for the caller to know.
    """
    kind = snapshot.kind
    wanted, found = kind.unmarked(desired_body(snapshot)), kind.unmarked(unpacked(remote.attributes))
    rules = kind.rules(snapshot)
    ours = kind.proof is not None and kind.proof(snapshot, remote) is False
    names = [name for name in (_NAME, *rules.fixed) if name in wanted] if ours else None
    return not rules.differing(wanted, found, names=names)


def _equals(snapshot: ResourceSnapshot) -> tuple[RemoteResource, ...]:
    """Remote resources that hold the desired state and are unclaimed, whoever created them, oldest first.

    Those that unresolved creates of other resources are to have are left out.
    """
    rows = snapshot.listing.rows if snapshot.listing is not None else ()
    free = [remote for remote in rows if remote.id not in snapshot.claimed and equals(snapshot, remote)]
    found = sorted(free, key=lambda remote: int(remote.id))
    owners = assign(snapshot.unresolved, found, _ahead(snapshot))
    return tuple(remote for remote in found if remote.id not in owners)


def takeable(snapshot: ResourceSnapshot) -> tuple[RemoteResource, ...]:
    """Remote resources that this resource takes as its own instead of creating one, oldest first.

    Those that a lost create may have made, or that have its mark. Else those that equal it: if it adopts such, or to
    replace one that others have deleted.
    """
    replaces = snapshot.create_fresh and snapshot.name_taken is None
    return made_by_own_create(snapshot) or (_equals(snapshot) if replaces or adopts(snapshot) else ())


def made_by_own_create(snapshot: ResourceSnapshot) -> tuple[RemoteResource, ...]:
    """Of those, the ones that a create of this resource has made, as far as can be told."""
    if snapshot.create_fresh:
        return _proven(snapshot, snapshot.listing.rows if snapshot.listing else ())
    return lost_creates(snapshot)


def is_certain(snapshot: ResourceSnapshot, remote: RemoteResource) -> bool:
    """True if a mark or the age proves a create of ours: not older than the create intent, and not much younger."""
    if _proven(snapshot, (remote,)):
        return True
    return snapshot.listing is not None and is_certain_of(_own(snapshot, {}), remote, _ahead(snapshot))


def doubtful_creates(snapshot: ResourceSnapshot) -> tuple[RemoteResource, ...]:
    """Remote resources that may come from an unanswered create of this one or from another client, oldest first.

    If an earlier process sent the request, the spec, a Secret in it or what a name resolves to may have changed since;
    then only fixed fields identify it. Also ambiguous are matches whose creation time the server omits.
    """
    found = lost_creates(snapshot)
    if _proven(snapshot, found):
        return ()
    if found or snapshot.resource.spec is None or snapshot.create_sent is not None:
        return tuple(remote for remote in found if remote.created_at is None)
    fields, complete = _known(snapshot)
    return () if complete else _made(snapshot, fields, complete=False)


def undecided_until(snapshot: ResourceSnapshot) -> datetime | None:
    """Until when the list does not decide what a create of this resource has made; None if it does.

    It decides if it shows one that is certain to be of this create, and that cannot come from another unresolved create
    just as well. Else this create may still be carried out; and so may another's to which a matching remote resource is
    assigned, after which that one may turn out to be of this create.
    """
    found, own = lost_creates(snapshot), snapshot.indeterminate_until
    if _proven(snapshot, found):
        return None
    if any(is_certain(snapshot, remote) for remote in found):
        return own if rival_creates(snapshot) else None
    if found and not snapshot.resource.deleting and all(remote.created_at is None for remote in found):
        return None
    times = [own, *(rival.until for rival in rival_creates(snapshot).values())]
    return max((time for time in times if time is not None), default=None)


@memoize
def rival_creates(snapshot: ResourceSnapshot) -> Mapping[str, UnresolvedCreate]:
    """Unresolved creates of others that keep the list from deciding what a create of this resource has made.

    By id of the remote resource that may come from either. If one is assigned to this create, that is a create which it
    fits as certainly, and which has none. If none is, those are all that this create may have made.
    """
    body = sent_body(snapshot)
    if body is None or snapshot.listing is None or not snapshot.unresolved:
        return {}
    own, found, ahead = _own(snapshot, body), _equal(snapshot, body), _ahead(snapshot)
    owners = assign([own, *snapshot.unresolved], found, ahead)
    mine = next((remote for remote in found if owners.get(remote.id) is own), None)
    if mine is None:
        ours = (remote.id for remote in found if may_have_made(own, remote, ahead))
        return {sync_id: owners[sync_id] for sync_id in ours if sync_id in owners}
    served = {create.uid for create in owners.values()}
    left = (create for create in snapshot.unresolved if create.uid not in served)
    fitting = (create for create in left if may_have_made(create, mine, ahead) and is_certain_of(create, mine, ahead))
    rival = next(fitting, None)
    return {mine.id: rival} if rival is not None else {}


def unresolved_create(snapshot: ResourceSnapshot) -> UnresolvedCreate | None:
    """The create whose outcome is unknown, as other resources regard it; None if its body is not known."""
    fields, complete = _known(snapshot)
    return _own(snapshot, fields, complete=complete) if fields else None


def sent_body(snapshot: ResourceSnapshot) -> Mapping[str, Any] | None:
    """The body of the create, as far as is known; None if no body can be made of today's desired state."""
    if snapshot.create_sent is not None or snapshot.resource.spec is None or snapshot.workspace.dialect is None:
        return snapshot.create_sent
    try:
        return desired_body(snapshot)
    except InvalidSpecError:
        return None


def _known(snapshot: ResourceSnapshot) -> tuple[Mapping[str, Any], bool]:
    """What is certain about the body of the create, and whether that is all of it."""
    spec = snapshot.resource.spec
    if snapshot.create_sent is not None or spec is None:
        return snapshot.create_sent or {}, True
    fields, whole = snapshot.kind.known_fields(snapshot, _since(snapshot))
    same = snapshot.resource.generation == 1 and not snapshot.kind.secrets(spec) and whole
    body = sent_body(snapshot) if same else None
    return (body, True) if body is not None else (fields, False)


def _own(snapshot: ResourceSnapshot, fields: Mapping[str, Any], *, complete: bool = True) -> UnresolvedCreate:
    """This create, with these fields of its body."""
    resource = snapshot.resource
    return UnresolvedCreate(
        uid=resource.uid,
        holder=f"{resource.namespace}/{resource.name}",
        intent_time=intent_time(snapshot),
        rules=snapshot.kind.rules(snapshot),
        fields=fields,
        complete=complete,
        repeated_at=repeated_at(snapshot),
        sent=snapshot.create_sent is not None,
        until=snapshot.indeterminate_until,
        deleting=resource.deleting,
    )


def _made(snapshot: ResourceSnapshot, body: Mapping[str, Any], *, complete: bool) -> tuple[RemoteResource, ...]:
    """Those of that body that this create may have made, without those assigned to other creates."""
    if snapshot.listing is None:
        return ()
    proven = _proven(snapshot, snapshot.listing.rows)
    if proven:
        return proven  # whatever somebody has changed there since
    made = matches_create(
        snapshot.kind.rules(snapshot),
        body,
        snapshot.listing,
        intent_time=intent_time(snapshot),
        now=_listed_at(snapshot),
        claimed=snapshot.claimed,
    )
    found = _not_of_others(snapshot, made)
    if not found or not snapshot.unresolved:
        return found
    own = _own(snapshot, body, complete=complete)
    owners = assign([own, *snapshot.unresolved], _equal(snapshot, body), _ahead(snapshot))
    return tuple(remote for remote in found if owners.get(remote.id, own) is own)


def _equal(snapshot: ResourceSnapshot, body: Mapping[str, Any]) -> tuple[RemoteResource, ...]:
    """Unclaimed listed resources of that body, of any age, oldest first."""
    if snapshot.listing is None:
        return ()
    begin = datetime.min.replace(tzinfo=snapshot.now.tzinfo) + timedelta(days=2)
    rules = snapshot.kind.rules(snapshot)
    equal = matches_create(rules, body, snapshot.listing, intent_time=begin, now=snapshot.now, claimed=snapshot.claimed)
    return _not_of_others(snapshot, equal)


def _not_of_others(snapshot: ResourceSnapshot, remotes: tuple[RemoteResource, ...]) -> tuple[RemoteResource, ...]:
    """Those without the mark of another resource, be it of another cluster: this one's creates carry its own mark."""
    owner, uid = snapshot.kind.mark_owner, snapshot.resource.uid
    return tuple(remote for remote in remotes if owner(remote) in {None, uid})


def _proven(snapshot: ResourceSnapshot, remotes: Iterable[RemoteResource]) -> tuple[RemoteResource, ...]:
    """Those with the mark of this resource, which belong to no other, oldest first."""
    proof = snapshot.kind.proof
    if proof is None:
        return ()
    found = [remote for remote in remotes if proof(snapshot, remote) is True and remote.id not in snapshot.claimed]
    return tuple(sorted(found, key=lambda remote: int(remote.id)))


def _since(snapshot: ResourceSnapshot) -> datetime:
    """The earliest time, by the server's clock, at which the create may have been carried out."""
    marked = intent_time(snapshot)
    return (
        earliest_creation(snapshot.listing, intent_time=marked, now=_listed_at(snapshot))
        if snapshot.listing
        else marked
    )


def _ahead(snapshot: ResourceSnapshot) -> timedelta:
    """By how much the server's clock is ahead of ours, by the list; zero if the list does not tell its time."""
    clock = snapshot.listing.server_time if snapshot.listing else None
    return clock - _listed_at(snapshot) if clock else timedelta()


def _listed_at(snapshot: ResourceSnapshot) -> datetime:
    return snapshot.listed_at or snapshot.now
