"""Comparison by meaning: what we wrote, against what the server holds. Pure.

The server fills, drops, reorders and coerces (contract section 5); none of that is a difference.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any, Final

from sync_operator.bounds import bounded_text
from sync_operator.packed import unpacked
from sync_operator.redact import redact
from sync_operator.remote.answers import camel

__all__ = ["FIXED", "Change", "differing_fields", "drift_lines", "field_changes", "same_value"]

FIXED: Final = ("source_id", "destination_id", "model_id", "stream_name", "cursor_field")
"""Fields that stay as they were when the sync was registered."""

_NULLED: Final[Mapping[str, Collection[str]]] = {
    "sync_interval": ("manual", "cron_expression"),
    "sync_interval_unit": ("manual", "cron_expression"),
    "cron_expression": ("manual", "interval"),
}
"""Field → schedule types for which the server sets it to null."""
_ITEM_KEYS: Final = frozenset(
    {"from", "to", "mapping_type", "value", "value_type", "template", "field_type", "hide_embedding"}
)
_EMBEDDING: Final = "embedding_config"
_EMBEDDING_KEYS: Final = frozenset({"mode", "model", "api_key"})
_HIDDEN_KEYS: Final = ("key", "secret", "token", "password", "credential")
_HIDDEN: Final = "(hidden)"
_CONFIGURATION: Final = "configuration"
_MOST_LINES: Final = 16
_MAX_COUNTED: Final = 1000
"""Differences that are counted, where more than `_MOST_LINES` are not shown."""
_PLACE_LIMIT: Final = 120
_VALUE_LIMIT: Final = 60


def differing_fields(
    body: Mapping[str, Any], attributes: Mapping[str, Any], *, names: Collection[str] | None = None
) -> tuple[str, ...]:
    """API names of the fields that were written and mean something else on the server.

    Args:
        body: what was, or would be, sent.
        attributes: the sync as the server answered it; a field that it does not answer is no difference.
        names: which fields to compare; all that were written when None. A named field that was not written
            differs from one that has a value.
    """
    wanted_type, attributes = str(body.get("schedule_type")), unpacked(attributes)
    return tuple(
        name
        for name in (body if names is None else names)
        if name in attributes and not _same_field(name, body.get(name), attributes[name], wanted_type)
    )


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is, or is to become, another: where, in the manifest's names, and both for people.

    Attributes:
        old_value: the same for programs: a JSON value, None where there is none; text as it is shown.
        new_value: as ``old_value``.
    """

    place: str
    old: str
    new: str
    old_value: Any = field(default=None, compare=False)
    new_value: Any = field(default=None, compare=False)


def field_changes(
    body: Mapping[str, Any],
    attributes: Mapping[str, Any],
    fields: Collection[str],
    *,
    secrets: Mapping[str, str] | None = None,
) -> tuple[Change, ...]:
    """What is different, value by value, each cut and without secrets.

    Args:
        body: what it was.
        attributes: what it is now.
        fields: API names of the fields to tell about, as `differing_fields` returns them.
        secrets: values from Secrets by their JSON pointer into ``configuration``; no value at such a place is shown,
            nor one of these at any other.
    """
    return tuple(_change(found, secrets or {}) for found in _differences(body, attributes, fields))


def drift_lines(
    body: Mapping[str, Any],
    attributes: Mapping[str, Any],
    fields: Collection[str],
    *,
    secrets: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """What others changed, for a status: ``field: old → new``, the first ones; arguments as in `field_changes`."""
    found = list(islice(_differences(body, attributes, fields), _MAX_COUNTED))
    shown = (_change(difference, secrets or {}) for difference in found[:_MOST_LINES])
    lines = tuple(f"{change.place}: {change.old} → {change.new}" for change in shown)
    more = len(found) - _MOST_LINES
    return lines if more <= 0 else (*lines, f"and {more} more")


def _differences(
    body: Mapping[str, Any], attributes: Mapping[str, Any], fields: Collection[str]
) -> Iterator[tuple[str, str | None, Any, Any]]:
    """What is different: API name of the field, where in the configuration (else None), old, new."""
    body, attributes = unpacked(body), unpacked(attributes)
    for name in fields:
        old, new = body.get(name), attributes.get(name)
        if name == _CONFIGURATION:
            for place, was, now in _leaves(_meaning(old), _meaning(new), ""):
                yield name, place, was, now
        else:
            yield name, None, old, new


def _change(found: tuple[str, str | None, Any, Any], secrets: Mapping[str, str]) -> Change:
    name, place, old, new = found
    if place is None:
        where, shown = camel(name), (_text(old), _text(new))
    else:
        where = redact(f"{name}{place}", limit=_PLACE_LIMIT)
        shown = (_shown(place, old, secrets), _shown(place, new, secrets))
    return Change(where, *shown, _typed(old, shown[0]), _typed(new, shown[1]))


def same_value(one: Any, other: Any) -> bool:
    """Equality of JSON values by meaning: 1 is 1.0 but not true, a null in an object or list is as good as nothing."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = {key for pair in (one, other) for key, value in pair.items() if value is not None}
        return all(same_value(one.get(key), other.get(key)) for key in keys)
    if isinstance(one, list) and isinstance(other, list):
        one, other = _filled(one), _filled(other)
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, float) and isinstance(other, int):
        return _is_float(other, one)
    if isinstance(one, int) and isinstance(other, float):
        return _is_float(one, other)
    return bool(one == other)


def _is_float(whole: int, number: float) -> bool:
    """True for a whole number that a parser reads as that float: a database writes 1e23 with all its digits."""
    try:
        return float(whole) == number
    except OverflowError:
        return False


def _same_field(name: str, wanted: Any, found: Any, schedule_type: str) -> bool:
    if name == _CONFIGURATION:
        return same_value(_meaning(wanted), _meaning(found))
    if found is None and schedule_type in _NULLED.get(name, ()):
        return True
    if isinstance(wanted, int) and isinstance(found, str):
        return str(wanted) == found.strip()
    return same_value(wanted, found)


def _meaning(value: Any) -> Any:
    """A configuration without what the server drops: in a list all but objects, and all but known plain fields."""
    return [_item(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list) else value


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in item.items() if key in _ITEM_KEYS and not isinstance(value, Mapping | list)}
    embedding = item.get(_EMBEDDING)
    if isinstance(embedding, Mapping):
        inner = {key: value for key, value in embedding.items() if key in _EMBEDDING_KEYS}
        kept[_EMBEDDING] = {key: value for key, value in inner.items() if not isinstance(value, Mapping | list)}
    return kept


def _filled(items: list[Any]) -> list[Any]:
    """Items that are not null: Rails, with which the server reads a body, drops the others from every list."""
    return [item for item in items if item is not None]


def _leaves(old: Any, new: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two values differ, as deep as possible: JSON pointer, old, new. Their depth was bounded when they came."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _leaves(old.get(key), new.get(key), f"{place}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(old, list) and isinstance(new, list):
        for index, (was, now) in enumerate(zip_longest(_filled(old), _filled(new))):
            yield from _leaves(was, now, f"{place}/{index}")
    elif not same_value(old, new):
        yield place, old, new


def _shown(place: str, value: Any, secrets: Mapping[str, str]) -> str:
    shape = _shape(place)
    secret = any(_shape(pointer)[: len(shape)] == shape for pointer in secrets)
    scalar = value is not None and not isinstance(value, Mapping | list)
    if scalar and (secret or any(word in place.lower() for word in _HIDDEN_KEYS)):
        return _HIDDEN
    return _text(value, tuple(secrets.values()))


def _typed(value: Any, shown: str) -> Any:
    """A value for programs: text as people are shown it, and nothing that they are not shown."""
    if value is None or value == "":
        return value
    return value if isinstance(value, bool | int | float) and shown != _HIDDEN else shown


def _shape(pointer: str) -> tuple[str, ...]:
    """A pointer but for its numbers, which change when the server drops items or people move them."""
    return tuple("" if part.isdigit() else part for part in pointer.split("/"))


def _text(value: Any, secrets: tuple[str, ...] = ()) -> str:
    """A value in a few words; what is inside an object or a list is not shown."""
    match value:
        case None:
            return "(none)"
        case Mapping() | list():
            return f"({len(value)} entries)"
        case bool():
            return str(value).lower()
        case _:
            return redact(bounded_text(value), secrets=secrets, limit=_VALUE_LIMIT) or "''"
