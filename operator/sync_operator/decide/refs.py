"""Source, destination and model of a Sync: by id or by name, and fixed to what the sync was registered with. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from sync_operator.decide.names import NameList, Names, ambiguous, leads_elsewhere, missing
from sync_operator.decide.picture import Obstacle, Picture
from sync_operator.errors import InvalidSpecError
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.status import Condition
from sync_operator.model.sync import SyncSpec
from sync_operator.remote.answers import camel
from sync_operator.remote.types import Named, Role

__all__ = [
    "body_ids",
    "certain_ids",
    "field_path",
    "found_by_name",
    "is_name_news",
    "lacks_names",
    "name_obstacle",
    "named_roles",
    "names_since",
    "registered_ids",
    "spec_ids",
]

_YOUNG: Final = timedelta(seconds=60)
"""A sync is registered only by a list that is no older than this."""

_FIELDS: Final = {role: (f"{role}_id", f"{role}_ref") for role in Role}
_ID_FIELDS: Final = tuple(name for name, _ in _FIELDS.values())
_ids: Final = attrgetter(*_ID_FIELDS)
_refs: Final = attrgetter(*(ref for _, ref in _FIELDS.values()))
_NOTHING: Final = (None,) * len(Role)
_ABOUT_NAMES: Final = (Reason.INVALID_SPEC, Reason.CONFLICT)


def named_roles(spec: SyncSpec) -> tuple[Role, ...]:
    """What the spec gives by name."""
    refs = _refs(spec)
    return () if refs == _NOTHING else tuple(role for role, ref in zip(Role, refs, strict=True) if ref is not None)


def spec_ids(spec: SyncSpec) -> dict[str, int]:
    """What the spec gives by id, under the API's field names."""
    return {name: value for name, value in zip(_ID_FIELDS, _ids(spec), strict=True) if value is not None}


def field_path(spec: SyncSpec, name: str) -> str:
    """Where in the manifest a field of the API is written."""
    role = next((role for role in named_roles(spec) if _FIELDS[role][0] == name), None)
    return f"spec.{role}Ref.name" if role else f"spec.{camel(name)}"


def found_by_name(spec: SyncSpec, role: Role, names: Names) -> Named:
    """The one thing of the server's that has the name which the spec gives.

    Raises:
        InvalidSpecError: none has it, or several, or nobody has looked yet; with the candidates.
    """
    name, held = getattr(spec, _FIELDS[role][1]).name, names.get(role)
    field = f"spec.{role}Ref.name"
    if held is None:
        raise InvalidSpecError(field, f"the server was not asked for its {role}s yet")
    same = held.by_name.get(name, ())
    if not same:
        raise InvalidSpecError(field, missing(role, name, held))
    if len(same) > 1:
        raise InvalidSpecError(field, ambiguous(role, name, same))
    return same[0]


def body_ids(picture: Picture) -> dict[str, int]:
    """The ids of a create or update, under the API's field names; of a registered sync those that are fixed.

    Raises:
        InvalidSpecError: a name does not lead to one thing.
    """
    spec = picture.sync.spec
    if spec is None:
        raise ValueError("no ids without a spec")
    given = _ids(spec)
    if None not in given:
        return dict(zip(_ID_FIELDS, given, strict=True))
    return {
        name: getattr(spec, name) or _kept(picture, name) or found_by_name(spec, role, picture.names).id
        for role, (name, _) in _FIELDS.items()
    }


def registered_ids(picture: Picture, sync_id: str | None) -> dict[str, int | None]:
    """For the status: the ids that the sync was registered with, as far as they are known."""
    spec, status = picture.sync.spec, picture.sync.status
    told = _ids(status) if status.id is not None and sync_id is not None else _NOTHING
    if sync_id is None or spec is None or None not in told:
        return dict(zip(_ID_FIELDS, told, strict=True))
    found = {role: _found(spec, role, picture.names) for role in named_roles(spec)}
    ids = {_FIELDS[role][0]: named.id for role, named in found.items() if named is not None}
    return {
        name: _told(picture, name) or getattr(spec, name) or _kept(picture, name) or ids.get(name)
        for name in _ID_FIELDS
    }


def certain_ids(picture: Picture, since: datetime) -> dict[str, int]:
    """The ids that a create since then must have had: what a name led to may have been named otherwise by then."""
    spec = picture.sync.spec
    if spec is None:
        return {}
    ids = spec_ids(spec)
    for role in named_roles(spec):
        found = _found(spec, role, picture.names)
        if found is not None and found.updated_at is not None and found.updated_at < since:
            ids[_FIELDS[role][0]] = found.id
    return ids


def names_since(picture: Picture) -> datetime:
    """The earliest time at which a list was asked for that is to register a sync.

    One that was deleted on the server may have gone with its connector: what was listed before that is not true now.
    """
    return picture.now if picture.recreated else picture.now - _YOUNG


def lacks_names(picture: Picture) -> bool:
    """True when the server's lists are needed to go on, and not known, or too old to register a sync by.

    What the status has told already is not asked for again by each Sync: one list a period is, for all of them.
    """
    spec = picture.sync.spec
    roles = named_roles(spec) if spec else ()
    if not roles or (picture.settled and all(_kept(picture, _FIELDS[role][0]) for role in roles)):
        return False
    held = [picture.names.get(role) for role in roles]
    if all(listed is not None and listed.at >= names_since(picture) for listed in held):
        return False
    if any(listed is None for listed in held) or next(_troubles(picture), None) is None:
        return True
    told = _refusal(picture)
    return told is None or told.observed_generation != picture.sync.generation


def name_obstacle(picture: Picture) -> Obstacle | None:
    """Source, destination or model is not to be found, or not what the sync was registered with.

    A sync that the server has no more may be made anew with another; whether it is so has to be asked first.
    """
    spec = picture.sync.spec
    if spec is None or (None not in (given := _ids(spec)) and given == _ids(picture.sync.status)):
        return None
    if picture.gone or (picture.missing and picture.remote is None) or lacks_names(picture):
        return None
    return next(_troubles(picture), None)


def is_name_news(picture: Picture) -> bool:
    """True when the lists say something else of a Sync's names than its status does."""
    if picture.sync.spec is None or not named_roles(picture.sync.spec):
        return False
    told, trouble = _refusal(picture), next(_troubles(picture), None)
    return (told and told.message) != (trouble and trouble.message)


def _troubles(picture: Picture) -> Iterator[Obstacle]:
    spec = picture.sync.spec
    for role, (name, ref) in _FIELDS.items() if spec is not None else ():
        given, told = getattr(spec, name), _told(picture, name)
        if given is not None:
            if told is not None and told != given:
                words = (
                    f"sync {picture.sync.status.id} was registered with {role} {told} (status.{role}Id), and that is "
                    f"fixed; write spec.{role}Id: {told}, or make another Sync for {given}"
                )
                yield _stalled(Reason.CONFLICT, f"spec.{role}Id: {words}")
            continue
        held = picture.names.get(role)
        if spec is not None and held is not None:
            yield from _name_trouble(picture, spec, role, getattr(spec, ref).name, held)


def _name_trouble(picture: Picture, spec: SyncSpec, role: Role, name: str, held: NameList) -> Iterator[Obstacle]:
    if picture.sync.status.id is None:
        if not _is_ours(picture):
            try:
                found_by_name(spec, role, picture.names)
            except InvalidSpecError as error:
                yield _stalled(Reason.INVALID_SPEC, str(error))
        return
    kept = _kept(picture, _FIELDS[role][0])
    wrong = leads_elsewhere(role, name, held, kept, picture.sync.status.id) if kept is not None else None
    if wrong is not None:
        elsewhere, words = wrong
        yield _stalled(Reason.CONFLICT if elsewhere else Reason.INVALID_SPEC, f"spec.{role}Ref.name: {words}")


def _stalled(reason: Reason, message: str) -> Obstacle:
    """It waits for the one who compares all Syncs of a workspace with the server."""
    return Obstacle(reason, message, stalled=True, waits=True)


def _refusal(picture: Picture) -> Condition | None:
    """What the status says of source, destination or model, as far as its reason tells."""
    told = picture.sync.condition(ConditionType.REGISTERED)
    return told if told is not None and told.status == "False" and told.reason in _ABOUT_NAMES else None


def _told(picture: Picture, name: str) -> int | None:
    """The id that the status says a registered sync has."""
    told: int | None = getattr(picture.sync.status, name) if picture.sync.status.id is not None else None
    return told


def _kept(picture: Picture, name: str) -> int | None:
    """The id that the sync was registered with: by the status, else by what the server holds of our own sync."""
    told, actual = _told(picture, name), picture.remote or picture.seen
    if told is not None or actual is None or not _is_ours(picture):
        return told
    value: Any = actual.attributes.get(name)
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.strip().isdigit()) else None


def _is_ours(picture: Picture) -> bool:
    """True when the server has a sync that is this Sync's own; one that is only looked at, to be adopted, is not."""
    spec = picture.sync.spec
    adopts = spec is not None and spec.external_id is not None
    return picture.sync.status.id is not None or (picture.remote is not None and not adopts)


def _found(spec: SyncSpec, role: Role, names: Names) -> Named | None:
    try:
        return found_by_name(spec, role, names)
    except InvalidSpecError:
        return None
