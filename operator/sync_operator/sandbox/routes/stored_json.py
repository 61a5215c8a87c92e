"""What the server's framework and its database do to JSON that is stored."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.sandbox.error_shapes import bad_request

__all__ = ["as_jsonb", "refuse_nul", "shared_fields", "without_list_nulls"]

_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""The character U+0000 in JSON: an escape that no backslash before it takes away."""


def as_jsonb(value: Any) -> Any:
    """A value as the database returns it: keys sorted by length, then by bytes."""
    if isinstance(value, dict):
        order = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: as_jsonb(value[key]) for key in order}
    return [as_jsonb(entry) for entry in value] if isinstance(value, list) else value


def without_list_nulls(value: Any) -> Any:
    """A value as the framework passes it on: nulls inside lists are removed."""
    if isinstance(value, dict):
        return {key: without_list_nulls(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_list_nulls(entry) for entry in value if entry is not None]
    return value


def refuse_nul(value: Any) -> None:
    """Check that PostgreSQL stores the value.

    Raises:
        Refusal: 400 E2: a text has the character NUL.
    """
    if _NUL.search(json.dumps(value)):
        raise bad_request(
            "PG::UntranslatableCharacter: ERROR:  unsupported Unicode escape sequence\n"
            "DETAIL:  \\u0000 cannot be converted to text.\n"
        )


def shared_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields of a body that connectors and models store alike, as the database returns them."""
    fields: dict[str, Any] = {}
    if "configuration" in body:
        fields["configuration"] = as_jsonb(without_list_nulls(body["configuration"]))
    description = body.get("description")
    if "description" in body and not isinstance(description, dict | list):
        fields["description"] = description if description is None else str(description)
    return fields
