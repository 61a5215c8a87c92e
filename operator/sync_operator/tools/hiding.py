"""What in a sync's ``configuration`` is a secret, and how it is taken out: nothing of it may get into git. Pure.

A text is taken for a secret when
- the name of its field says so (``api_key``, ``password``, ``token`` …), within list items and nested objects;
- it is the constant of a ``static`` item that is sent to a field of such a name;
- it looks like one (a JSON web token, a private key, credentials in a URL …).

The outermost fields of a configuration in object form are columns, and their values the destination's fields:
``{api_token: token}`` maps a column. There a value is kept when it is a plain word that the column's name contains.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.decide.pointers import with_secrets
from sync_operator.redact import mask

__all__ = ["Hidden", "hide_secrets"]

_NAMED: Final = re.compile(
    r"(?i)(api|access|private|encryption|signing|auth)[-_ ]?key|secret|token|passw|passphrase|pwd|credential"
    r"|authori[sz]ation"
)
_WORDS: Final = re.compile(r"[a-z]+")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z_ .-]*")
_NO_KEY: Final = re.compile(r"[^-._a-zA-Z0-9]+")
_KEY_LIMIT: Final = 200
_STAND_IN: Final = "(in Secret {name})"


@dataclass(frozen=True, slots=True)
class Hidden:
    """A configuration without its secrets.

    Attributes:
        configuration: with a stand-in at each of their places.
        keys: key in the Secret → JSON pointer.
    """

    configuration: Any
    keys: Mapping[str, str]


def hide_secrets(configuration: Any, secret_name: str) -> Hidden:
    """Take the secrets out.

    Args:
        configuration: as the server holds it.
        secret_name: of the Secret that is to hold them.
    """
    keys: dict[str, str] = {}
    for pointer in _secret_places(configuration):
        key = _NO_KEY.sub("-", pointer.removeprefix("/").replace("/", "."))[:_KEY_LIMIT] or "value"
        while key in keys:
            key += "-"
        keys[key] = pointer
    stand_in = _STAND_IN.format(name=secret_name)
    return Hidden(with_secrets(configuration, dict.fromkeys(keys.values(), stand_in)), keys)


def _secret_places(configuration: Any) -> Iterator[str]:
    if isinstance(configuration, Mapping):
        for column, value in configuration.items():
            if isinstance(value, str):
                if (_NAMED.search(column) and not _maps(column, value)) or _looks_secret(value):
                    yield _pointer("", column)
            else:
                yield from _within(value, _pointer("", column), column)
    elif isinstance(configuration, list):
        for index, item in enumerate(configuration):
            static = isinstance(item, Mapping) and item.get("mapping_type") == "static"
            if static and isinstance(item.get("from"), str) and _NAMED.search(str(item.get("to"))):
                yield f"/{index}/from"
                item = {name: value for name, value in item.items() if name != "from"}  # noqa: PLW2901 (told already)
            yield from _within(item, f"/{index}", "")


def _within(value: Any, pointer: str, name: str) -> Iterator[str]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _within(inner, _pointer(pointer, key), key)
        case list():
            for index, inner in enumerate(value):
                yield from _within(inner, f"{pointer}/{index}", name)
        case str() if value and (_NAMED.search(name) or _looks_secret(value)):
            yield pointer
        case _:
            return


def _maps(column: str, field: str) -> bool:
    """True for a column that is sent to a field of a like name."""
    shared = set(_WORDS.findall(column.lower())) & set(_WORDS.findall(field.lower()))
    return bool(_PLAIN.fullmatch(field) and shared)


def _looks_secret(text: str) -> bool:
    return mask(text) != text


def _pointer(outer: str, name: str) -> str:
    return f"{outer}/{name.replace('~', '~0').replace('/', '~1')}"
