"""A create that the server refused because its name is taken: what has the name, and how to go on. Pure."""

from dataclasses import replace

from sync_operator.domain.blocker import Blocker
from sync_operator.domain.create_fence.candidates import takeable
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.syncapi.types import RemoteResource
from sync_operator.util.packed_json import unpacked

__all__ = ["name_taken"]


def name_taken(snapshot: ResourceSnapshot) -> Blocker | None:
    """The refusal, if the list does not show that a create of ours has taken the name; names what has it."""
    refused, kind = snapshot.name_taken, snapshot.kind
    if refused is None or snapshot.listing is None or takeable(snapshot):
        return None
    owners = [remote for remote in snapshot.listing.rows if kind.unique and _has_name(snapshot, remote)]
    if len(owners) != 1:
        return refused
    [owner] = owners
    mark = f", with the mark of another {kind.kind}" if kind.mark_owner(owner) else ""
    words = (
        f"{refused.error}: it is {kind.noun} {owner.id}{mark}; to take it over, and to change it to this spec, set "
        f"spec.externalId to {owner.id!r}; otherwise write another spec.name"
    )
    return replace(refused, message=words)


def _has_name(snapshot: ResourceSnapshot, remote: RemoteResource) -> bool:
    wanted, found = desired_body(snapshot), unpacked(remote.attributes)
    return all(found.get(name) == wanted.get(name) for name in snapshot.kind.unique)
