"""Source, destination and model of a Sync, immutable once registered: by id, resource or name on the server. Pure."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from sync_operator.api.kinds.resource_ref import ResourceRef
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.sync.name_resolution import NameList, Names, ambiguous, missing, resolves_differently
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import NamedResource, RefKind
from sync_operator.util.field_names import camel

__all__ = [
    "body_ids",
    "certain_ids",
    "found_by_name",
    "found_reference",
    "lacks_names",
    "name_blocker",
    "name_error_changed",
    "named_roles",
    "names_not_before",
    "registered_id",
    "registered_ids",
    "resource_roles",
    "spec_field_path",
    "spec_ids",
]

_MAX_LIST_AGE: Final = timedelta(seconds=60)
"""Maximum age of a list by which names are resolved to register a sync."""

_FIELDS: Final = {role: (f"{role}_id", f"{role}_ref") for role in RefKind}
_ID_FIELDS: Final = tuple(name for name, _ in _FIELDS.values())
_ids: Final = attrgetter(*_ID_FIELDS)
_refs: Final = attrgetter(*(ref for _, ref in _FIELDS.values()))
_NOTHING: Final = (None,) * len(RefKind)
_ABOUT_NAMES: Final = (Reason.INVALID_SPEC, Reason.CONFLICT)


def named_roles(spec: SyncSpec) -> tuple[RefKind, ...]:
    """Kinds that the spec references by their name on the server (``…Ref.serverName``)."""
    return _roles(spec, lambda ref: ref.server_name)


def resource_roles(spec: SyncSpec) -> tuple[RefKind, ...]:
    """Kinds that the spec references by a resource of the cluster (``…Ref.name``)."""
    return _roles(spec, lambda ref: ref.name)


def _roles(spec: SyncSpec, name_of: Callable[[ResourceRef], str | None]) -> tuple[RefKind, ...]:
    refs = _refs(spec)
    if refs == _NOTHING:
        return ()
    return tuple(role for role, ref in zip(RefKind, refs, strict=True) if ref is not None and name_of(ref) is not None)


def spec_ids(spec: SyncSpec) -> dict[str, int]:
    """Ids in the spec, by API field name."""
    return {name: value for name, value in zip(_ID_FIELDS, _ids(spec), strict=True) if value is not None}


def spec_field_path(spec: SyncSpec, name: str) -> str:
    """Path in the manifest of an API field."""
    for roles, part in ((named_roles(spec), "serverName"), (resource_roles(spec), "name")):
        role = next((role for role in roles if _FIELDS[role][0] == name), None)
        if role is not None:
            return f"spec.{role}Ref.{part}"
    return f"spec.{camel(name)}"


def found_by_name(spec: SyncSpec, role: RefKind, names: Names) -> NamedResource:
    """What the server has under the name that a reference gives (``serverName``).

    Raises:
        InvalidSpecError: no resource has the name, or several have it (with the candidates), or there is no list yet.
    """
    name, held = getattr(spec, _FIELDS[role][1]).server_name, names.get(role)
    field = f"spec.{role}Ref.serverName"
    if held is None:
        raise InvalidSpecError(field, f"the server was not asked for its {role}s yet")
    same = held.by_name.get(name, ())
    if not same:
        raise InvalidSpecError(field, missing(role, name, held))
    if len(same) > 1:
        raise InvalidSpecError(field, ambiguous(role, name, same, f"spec.{role}Id"))
    return same[0]


def body_ids(snapshot: Snapshot) -> dict[str, int]:
    """The ids for a create or update, by API field name; for a registered sync those that it was registered with.

    Raises:
        InvalidSpecError: a name does not resolve to exactly one thing on the server, or a resource is not registered.
    """
    spec = snapshot.sync.spec
    if spec is None:
        raise ValueError("no ids without a spec")
    given = _ids(spec)
    if None not in given:
        return dict(zip(_ID_FIELDS, given, strict=True))
    return {
        name: getattr(spec, name) or registered_id(snapshot, name) or _referenced_id(snapshot, spec, role)
        for role, (name, _) in _FIELDS.items()
    }


def _referenced_id(snapshot: Snapshot, spec: SyncSpec, role: RefKind) -> int:
    if role not in resource_roles(spec):
        return found_by_name(spec, role, snapshot.names).id
    view = snapshot.references.get(role)
    if view is None or view.id is None:
        raise InvalidSpecError(f"spec.{role}Ref.name", "is not registered yet")
    return view.id


def registered_ids(snapshot: Snapshot, sync_id: str | None) -> dict[str, int | None]:
    """The ids that the sync was registered with, for the status; None for those that are unknown."""
    spec, status = snapshot.sync.spec, snapshot.sync.status
    ids = _ids(status) if status.id is not None and sync_id is not None else _NOTHING
    if sync_id is None or spec is None or None not in ids:
        return dict(zip(_ID_FIELDS, ids, strict=True))
    found = {_FIELDS[role][0]: found_reference(snapshot, spec, role) for role in RefKind}
    referenced = {name: named.id for name, named in found.items() if named is not None}
    return {
        name: _status_id(snapshot, name) or getattr(spec, name) or registered_id(snapshot, name) or referenced.get(name)
        for name in _ID_FIELDS
    }


def certain_ids(snapshot: Snapshot, since: datetime) -> dict[str, int]:
    """The ids that a create since then must have had.

    Without names of what was updated (renamed) on the server since, and resources that were registered since.
    """
    spec = snapshot.sync.spec
    if spec is None:
        return {}
    ids = spec_ids(spec)
    for role in (*named_roles(spec), *resource_roles(spec)):
        found = found_reference(snapshot, spec, role)
        if found is not None and found.updated_at is not None and found.updated_at < since:
            ids[_FIELDS[role][0]] = found.id
    return ids


def found_reference(snapshot: Snapshot, spec: SyncSpec, role: RefKind) -> NamedResource | None:
    """What a reference resolves to, with the time since which it does; None if it does not, or there is no reference.

    Of a resource, its name in the cluster stands for that on the server.
    """
    if role in named_roles(spec):
        try:
            return found_by_name(spec, role, snapshot.names)
        except InvalidSpecError:
            return None
    view = snapshot.references.get(role)
    if view is None or view.id is None:
        return None
    return NamedResource(view.id, view.name, view.registered_at, view.connector_id)


def names_not_before(snapshot: Snapshot) -> datetime:
    """The earliest request time of a list by which a sync may be registered.

    A sync deleted on the server may have been deleted with its connector, so older lists are not used to recreate it.
    """
    return snapshot.now if snapshot.recreated else snapshot.now - _MAX_LIST_AGE


def lacks_names(snapshot: Snapshot) -> bool:
    """True if lists from the server are needed to continue, and are missing or too old to register a sync.

    An error that the status already reports is not checked again by each Sync: the Workspace's periodic drift check
    lists once for all of them.
    """
    spec = snapshot.sync.spec
    roles = named_roles(spec) if spec else ()
    if not roles or (snapshot.was_in_sync and all(registered_id(snapshot, _FIELDS[role][0]) for role in roles)):
        return False
    held = [snapshot.names.get(role) for role in roles]
    if all(listed is not None and listed.at >= names_not_before(snapshot) for listed in held):
        return False
    if any(listed is None for listed in held) or next(_errors(snapshot), None) is None:
        return True
    reported = _reported_error(snapshot)
    return reported is None or reported.observed_generation != snapshot.sync.generation


def name_blocker(snapshot: Snapshot) -> Blocker | None:
    """The blocker if source, destination or model does not resolve, or not to what the sync was registered with.

    None if the sync was deleted on the server: it may be recreated with another one. One that only the lists lack is
    read first.
    """
    spec = snapshot.sync.spec
    if spec is None or (None not in (given := _ids(spec)) and given == _ids(snapshot.sync.status)):
        return None
    if snapshot.not_found or (snapshot.missing_from_lists and snapshot.remote is None) or lacks_names(snapshot):
        return None
    return next(_errors(snapshot), None)


def name_error_changed(snapshot: Snapshot) -> bool:
    """True if the error of a Sync's references by the cached lists differs from the one in its status."""
    if snapshot.sync.spec is None or not named_roles(snapshot.sync.spec):
        return False
    reported, current = _reported_error(snapshot), next(_errors(snapshot), None)
    return (reported and reported.message) != (current and current.message)


def _errors(snapshot: Snapshot) -> Iterator[Blocker]:
    spec = snapshot.sync.spec
    for role, (name, ref) in _FIELDS.items() if spec is not None else ():
        given, registered = getattr(spec, name), _status_id(snapshot, name)
        if given is not None:
            if registered is not None and registered != given:
                message = (
                    f"sync {snapshot.sync.status.id} was registered with {role} {registered} (status.{role}Id), and "
                    f"that is fixed; write spec.{role}Id: {registered}, or make another Sync for {given}"
                )
                yield _stalled(Reason.CONFLICT, f"spec.{role}Id: {message}")
            continue
        held, server_name = snapshot.names.get(role), getattr(spec, ref).server_name
        if spec is not None and held is not None and server_name is not None:
            yield from _name_errors(snapshot, spec, role, server_name, held)


def _name_errors(snapshot: Snapshot, spec: SyncSpec, role: RefKind, name: str, held: NameList) -> Iterator[Blocker]:
    if snapshot.sync.status.id is None:
        if not _is_ours(snapshot):
            try:
                found_by_name(spec, role, snapshot.names)
            except InvalidSpecError as error:
                yield _stalled(Reason.INVALID_SPEC, str(error))
        return
    kept = registered_id(snapshot, _FIELDS[role][0])
    wrong = resolves_differently(role, name, held, kept, snapshot.sync.status.id) if kept is not None else None
    if wrong is not None:
        elsewhere, words = wrong
        yield _stalled(Reason.CONFLICT if elsewhere else Reason.INVALID_SPEC, f"spec.{role}Ref.serverName: {words}")


def _stalled(reason: Reason, message: str) -> Blocker:
    """A blocker that the Sync does not retry itself; the Workspace's drift check requeues it."""
    return Blocker(reason, message, stalled=True, resolved_by_watch=True)


def _reported_error(snapshot: Snapshot) -> Condition | None:
    """The condition Registered if it is False with a reason that may be about source, destination or model."""
    condition = snapshot.sync.condition(ConditionType.REGISTERED)
    rejected = condition is not None and condition.status == "False" and condition.reason in _ABOUT_NAMES
    return condition if rejected else None


def _status_id(snapshot: Snapshot, name: str) -> int | None:
    """The id in the status of a registered Sync; else None."""
    found: int | None = getattr(snapshot.sync.status, name) if snapshot.sync.status.id is not None else None
    return found


def registered_id(snapshot: Snapshot, name: str) -> int | None:
    """The id that the sync was registered with: from the status, else from our sync as the server returned it."""
    from_status, actual = _status_id(snapshot, name), snapshot.remote or snapshot.last_listed
    if from_status is not None or actual is None or not _is_ours(snapshot):
        return from_status
    value: Any = actual.attributes.get(name)
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.strip().isdigit()) else None


def _is_ours(snapshot: Snapshot) -> bool:
    """True if the server has a sync of this Sync's own; one that is only read to be adopted does not count."""
    spec = snapshot.sync.spec
    adopts = spec is not None and spec.external_id is not None
    return snapshot.sync.status.id is not None or (snapshot.remote is not None and not adopts)
