"""Why a destination refused a row: its message without any values of the row, so that equal reasons compare equal."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.util.bounds import bounded_text

__all__ = ["reason_of"]

_REASON_KEYS: Final = ("response", "error", "message", "detail", "title", "reason")
"""Fields of a record's logs that contain the reason; ``request`` is the row itself."""
_MAX_LEVELS: Final = 4
_ROW_QUOTE: Final = re.compile(
    r"\b(?:DETAIL|CONTEXT|HINT|STATEMENT|PARAMETERS|LINE [0-9]{1,6}) ?:"
    r"|\bFailing row contains\b|\bKey \([^()]{0,200}\)=\(|\[(?:SQL|parameters):",
    re.IGNORECASE,
)
"""From such a match on, a database's message quotes the row, or the statement that writes it."""
_ROW_VALUES: Final = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}"  # e-mail addresses
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # the ids of requests
    r"|(?<=\bentry )'[^']{0,500}'|(?<=\bvalue )(?:'[^']{0,500}'|\"[^\"]{0,500}\")|(?<=: )\"[^\"]{0,500}\""
    r"|\b[0-9]{6,}\b"
)
"""Row values in messages of databases and services, such as ``Duplicate entry 'x' for key``."""


def reason_of(record: Any) -> str | None:
    """The reason in a failed record's logs, with values of its row masked; None without one. The row is not read."""
    attributes = record.get("attributes") if isinstance(record, Mapping) else None
    logs = attributes.get("logs") if isinstance(attributes, Mapping) else None
    words = _reason_text(logs)
    row = _ROW_QUOTE.search(words)
    return _ROW_VALUES.sub("…", words[: row.start()] if row else words).strip() or None


def _reason_text(logs: Any) -> str:
    """The text of the reason, in logs of any of the forms that servers and services write."""
    for _ in range(_MAX_LEVELS):
        if isinstance(logs, list):
            logs = logs[0] if logs else None
        elif isinstance(logs, Mapping):
            logs = next((logs[name] for name in _REASON_KEYS if logs.get(name)), None)
        elif isinstance(logs, str) and logs.startswith(("{", "[")):
            parsed = _parsed(bounded_text(logs))
            if parsed is None:
                break
            logs = parsed
        else:
            break
    return "" if isinstance(logs, Mapping | list) else bounded_text(logs)


def _parsed(text: str) -> Any:
    """The JSON value of a text; None if it is not valid JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
