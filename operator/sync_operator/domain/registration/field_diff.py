"""Drift: semantic comparison of what we wrote with what the server holds: `FieldRules`, one value for each kind. Pure.

The server fills in, drops, reorders and coerces values (contract section 5); none of that counts as a difference.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any, Final

from sync_operator.util.bounds import bounded_text
from sync_operator.util.field_names import camel
from sync_operator.util.packed_json import unpacked
from sync_operator.util.redact import redact
from sync_operator.util.secret_names import may_be_secret_name

__all__ = ["CONFIGURATION", "Change", "FieldRules", "same_value"]

CONFIGURATION: Final = "configuration"
"""The field that is compared value by value, and that values from Secrets are inserted into."""
_HIDDEN: Final = "(hidden)"
_MAX_LINES: Final = 16
_MAX_COUNTED: Final = 1000
"""Maximum number of differences counted for the line "and N more" after `_MAX_LINES`."""
_MAX_PATH_LENGTH: Final = 120
_MAX_VALUE_LENGTH: Final = 60

type _Difference = tuple[str, str | None, Any, Any]
"""API name of the field, JSON pointer in the configuration (else None), old value, new value."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that has changed or is to change: its path in the manifest's field names, old and new value as text.

    Attributes:
        old_value: the old value for machine-readable output: a JSON value, None if absent; strings as displayed.
        new_value: as ``old_value``.
    """

    path: str
    old: str
    new: str
    old_value: Any = field(default=None, compare=False)
    new_value: Any = field(default=None, compare=False)


def _unchanged(value: Any) -> Any:
    return value


def _never(*_: object) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRules:
    """How the fields of a body are compared with the attributes of a remote resource.

    Attributes:
        fixed: API names of the fields that cannot change once the resource is registered.
        optional: of these, those that a server may leave out: a missing value does not indicate another resource.
        normalize: of the configuration, what the server keeps and shows of it. Values that it masks are left out here.
        is_default: of an API name and the body, True if the server stores null whatever the body says.
        titles: API name → how a message calls a field whose value is not simply that of the spec.
        mask: text that the server shows in place of secrets in the configuration; empty if it shows them. Where a value
            is hidden, it is taken for the one that was written.
    """

    fixed: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    normalize: Callable[[Any], Any] = _unchanged
    is_default: Callable[[str, Mapping[str, Any]], bool] = _never
    titles: Mapping[str, str] = field(default_factory=dict)
    mask: str = ""

    def differing(
        self, body: Mapping[str, Any], attributes: Mapping[str, Any], *, names: Collection[str] | None = None
    ) -> tuple[str, ...]:
        """API names of the fields whose value on the server means something else than what was written.

        Args:
            body: the body that was or would be sent.
            attributes: the resource as the server returned it; a field that the server omits is not a difference.
            names: fields to compare; None for all in ``body``. A named field that is not in ``body`` differs if it has
                a value on the server.
        """
        attributes = unpacked(attributes)
        return tuple(
            name
            for name in (body if names is None else names)
            if name in attributes and not self._same(name, body, attributes[name])
        )

    def changes(
        self,
        body: Mapping[str, Any],
        attributes: Mapping[str, Any],
        fields: Collection[str],
        *,
        secrets: Mapping[str, str] | None = None,
    ) -> tuple[Change, ...]:
        """The differences, one for each value, truncated and without secrets.

        Args:
            body: the old state.
            attributes: the new state.
            fields: API names of the fields to compare, as returned by `differing`.
            secrets: values from Secrets by their JSON pointer into ``configuration``; values at these pointers, and
                these values anywhere else, are not shown.
        """
        return tuple(_change(found, secrets or {}) for found in self._differences(body, attributes, fields))

    def drift_lines(
        self,
        body: Mapping[str, Any],
        attributes: Mapping[str, Any],
        fields: Collection[str],
        *,
        secrets: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """The first differences as lines ``field: old → new`` for a status; arguments as in `changes`."""
        found = self._differences(body, attributes, fields)
        return _lines(found, secrets, lambda change: f"{change.path}: {change.old} → {change.new}")

    def correction_lines(
        self,
        body: Mapping[str, Any],
        attributes: Mapping[str, Any],
        fields: Collection[str],
        *,
        secrets: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """Corrections as lines ``spec.field from found back to wanted`` for an event; arguments as in `changes`."""
        titles = {camel(name): title for name, title in self.titles.items()}

        def line(change: Change) -> str:
            where = titles.get(change.path, f"spec.{change.path}")
            return f"{where} from {change.new} back to {change.old}"

        return _lines(self._differences(body, attributes, fields), secrets, line)

    def _same(self, name: str, body: Mapping[str, Any], found: Any) -> bool:
        wanted = body.get(name)
        if name == CONFIGURATION:
            return same_value(*self._compared(wanted, found))
        if found is None and self.is_default(name, body):
            return True
        if isinstance(wanted, int) and isinstance(found, str):
            return str(wanted) == found.strip()
        return same_value(wanted, found)

    def _compared(self, wanted: Any, found: Any) -> tuple[Any, Any]:
        """Two configurations as they are compared."""
        wanted, found = self.normalize(wanted), self.normalize(found)
        return wanted, _unmasked(wanted, found, self.mask) if self.mask else found

    def _differences(
        self, body: Mapping[str, Any], attributes: Mapping[str, Any], fields: Collection[str]
    ) -> Iterator[_Difference]:
        body, attributes = unpacked(body), unpacked(attributes)
        for name in fields:
            old, new = body.get(name), attributes.get(name)
            if name == CONFIGURATION:
                for pointer, was, now in _flatten(*self._compared(old, new), ""):
                    yield name, pointer, was, now
            else:
                yield name, None, old, new


def _lines(
    differences: Iterable[_Difference], secrets: Mapping[str, str] | None, line: Callable[[Change], str]
) -> tuple[str, ...]:
    found = list(islice(differences, _MAX_COUNTED))
    lines = tuple(line(_change(difference, secrets or {})) for difference in found[:_MAX_LINES])
    more = len(found) - _MAX_LINES
    return lines if more <= 0 else (*lines, f"and {more} more")


def _change(found: _Difference, secrets: Mapping[str, str]) -> Change:
    name, pointer, old, new = found
    if pointer is None:
        where, texts = camel(name), (_text(old), _text(new))
    else:
        where = redact(f"{name}{pointer}", limit=_MAX_PATH_LENGTH)
        texts = (_render(pointer, old, secrets), _render(pointer, new, secrets))
    return Change(where, *texts, _typed(old, texts[0]), _typed(new, texts[1]))


def same_value(one: Any, other: Any) -> bool:
    """Semantic equality of JSON values: 1 equals 1.0 but not true; a null in an object or list counts as absent."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = {key for pair in (one, other) for key, value in pair.items() if value is not None}
        return all(same_value(one.get(key), other.get(key)) for key in keys)
    if isinstance(one, list) and isinstance(other, list):
        one, other = _without_nulls(one), _without_nulls(other)
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, float) and isinstance(other, int):
        return _is_float(other, one)
    if isinstance(one, int) and isinstance(other, float):
        return _is_float(one, other)
    return bool(one == other)


def _unmasked(wanted: Any, found: Any, mask: str) -> Any:
    """What the server returned, with each masked value replaced by the one that was written there, if there is one."""
    if wanted is not None and found == mask:
        return wanted
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return {key: _unmasked(wanted.get(key), value, mask) for key, value in found.items()}
    if isinstance(wanted, list) and isinstance(found, list):
        pairs = zip_longest(_without_nulls(wanted), found)
        return [_unmasked(was, now, mask) for was, now in pairs][: len(found)]
    return found


def _is_float(whole: int, number: float) -> bool:
    """True if a parser reads the integer as that float: databases write 1e23 with all its digits."""
    try:
        return float(whole) == number
    except OverflowError:
        return False


def _without_nulls(items: list[Any]) -> list[Any]:
    """The items that are not null: Rails, which parses the server's requests, drops nulls from every list."""
    return [item for item in items if item is not None]


def _flatten(old: Any, new: Any, pointer: str) -> Iterator[tuple[str, Any, Any]]:
    """The differences of two values at the deepest level: JSON pointer, old, new. Input depth is bounded elsewhere."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _flatten(
                old.get(key), new.get(key), f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            )
    elif isinstance(old, list) and isinstance(new, list):
        for index, (was, now) in enumerate(zip_longest(_without_nulls(old), _without_nulls(new))):
            yield from _flatten(was, now, f"{pointer}/{index}")
    elif not same_value(old, new):
        yield pointer, old, new


def _render(pointer: str, value: Any, secrets: Mapping[str, str]) -> str:
    shape = _shape(pointer)
    secret = any(_shape(pointer)[: len(shape)] == shape for pointer in secrets)
    scalar = value is not None and not isinstance(value, Mapping | list)
    if scalar and (secret or may_be_secret_name(pointer)):
        return _HIDDEN
    return _text(value, tuple(secrets.values()))


def _typed(value: Any, text: str) -> Any:
    """A value for machine-readable output: strings as displayed (truncated, redacted), and no hidden values."""
    if value is None or value == "":
        return value
    return value if isinstance(value, bool | int | float) and text != _HIDDEN else text


def _shape(pointer: str) -> tuple[str, ...]:
    """A JSON pointer without its list indices, which change when the server drops items or users move them."""
    return tuple("" if part.isdigit() else part for part in pointer.split("/"))


def _text(value: Any, secrets: tuple[str, ...] = ()) -> str:
    """A value as short text; of an object or a list only the number of entries is shown."""
    match value:
        case None:
            return "(none)"
        case Mapping() | list():
            return f"({len(value)} entries)"
        case bool():
            return str(value).lower()
        case _:
            return redact(bounded_text(value), secrets=secrets, limit=_MAX_VALUE_LENGTH) or "''"
