"""Finds the secrets in a ``configuration`` and replaces them, so that none gets into git. Pure.

A text is treated as a secret if
- the name of its field suggests it (``api_key``, ``password``, ``token`` …), also in list items and nested objects;
- it is the constant of a ``static`` item that is sent to a field with such a name;
- it looks like one (a JSON web token, a private key, credentials in a URL …);
- it is the mask that a server shows instead of one.

In a configuration in object form, the outermost keys are columns, and their values the destination's fields:
``{api_token: token}`` maps a column. There a plain value is kept if it shares a word with the column's name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_operator.api.validation.content_faults import MASK
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.util.redact import mask
from sync_operator.util.secret_names import is_secret_name

__all__ = ["ExtractedSecret", "extract_secrets"]

_WORDS: Final = re.compile(r"[a-z]+")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z_ .-]*")
_NO_KEY: Final = re.compile(r"[^-._a-zA-Z0-9]+")
_KEY_LIMIT: Final = 200
_PLACEHOLDER: Final = "(in Secret {name})"


@dataclass(frozen=True, slots=True)
class ExtractedSecret:
    """A configuration without its secrets.

    Attributes:
        configuration: the configuration with a placeholder for each secret.
        keys: key in the Secret → JSON pointer of the secret.
    """

    configuration: Any
    keys: Mapping[str, str]


def extract_secrets(configuration: Any, secret_name: str) -> ExtractedSecret:
    """Replace the secrets of a configuration by placeholders.

    Args:
        configuration: the configuration as the server returns it.
        secret_name: name of the Secret that is to hold them.
    """
    keys: dict[str, str] = {}
    for pointer in _secret_pointers(configuration):
        key = _NO_KEY.sub("-", pointer.removeprefix("/").replace("/", "."))[:_KEY_LIMIT] or "value"
        while key in keys:
            key += "-"
        keys[key] = pointer
    placeholder = _PLACEHOLDER.format(name=secret_name)
    return ExtractedSecret(with_secrets(configuration, dict.fromkeys(keys.values(), placeholder)), keys)


def _secret_pointers(configuration: Any) -> Iterator[str]:
    if isinstance(configuration, Mapping):
        for column, value in configuration.items():
            if isinstance(value, str):
                if (is_secret_name(column) and not _maps(column, value)) or _looks_secret(value):
                    yield _pointer("", column)
            else:
                yield from _within(value, _pointer("", column), column)
    elif isinstance(configuration, list):
        for index, item in enumerate(configuration):
            static = isinstance(item, Mapping) and item.get("mapping_type") == "static"
            if static and isinstance(item.get("from"), str) and is_secret_name(str(item.get("to"))):
                yield f"/{index}/from"
                item = {name: value for name, value in item.items() if name != "from"}  # noqa: PLW2901 (yielded above)
            yield from _within(item, f"/{index}", "")


def _within(value: Any, pointer: str, name: str) -> Iterator[str]:
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _within(inner, _pointer(pointer, key), key)
        case list():
            for index, inner in enumerate(value):
                yield from _within(inner, f"{pointer}/{index}", name)
        case str() if value and (is_secret_name(name) or _looks_secret(value)):
            yield pointer
        case _:
            return


def _maps(column: str, field: str) -> bool:
    """True for a column that is mapped to a field with a similar name."""
    shared = set(_WORDS.findall(column.lower())) & set(_WORDS.findall(field.lower()))
    return bool(_PLAIN.fullmatch(field) and shared)


def _looks_secret(text: str) -> bool:
    return mask(text) != text or text == MASK


def _pointer(outer: str, name: str) -> str:
    return f"{outer}/{name.replace('~', '~0').replace('/', '~1')}"
