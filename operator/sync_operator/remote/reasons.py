"""Why a destination refused a row, in words that hold nothing of the row, so that equal reasons are equal."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.bounds import bounded_text

__all__ = ["reason_of"]

_WORDS: Final = ("response", "error", "message", "detail", "title", "reason")
"""Where a record's logs say why; ``request`` is the row itself."""
_MAX_LEVELS: Final = 4
_ROW: Final = re.compile(
    r"\b(?:DETAIL|CONTEXT|HINT|STATEMENT|PARAMETERS|LINE [0-9]{1,6}) ?:"
    r"|\bFailing row contains\b|\bKey \([^()]{0,200}\)=\(|\[(?:SQL|parameters):",
    re.IGNORECASE,
)
"""From here on a database quotes the row, or the statement that writes it."""
_VALUES: Final = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}"  # e-mail addresses
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # the ids of requests
    r"|(?<=\bentry )'[^']{0,500}'|(?<=\bvalue )(?:'[^']{0,500}'|\"[^\"]{0,500}\")|(?<=: )\"[^\"]{0,500}\""
    r"|\b[0-9]{6,}\b"
)
"""What is a value of a row in the sentences of databases and of services, such as ``Duplicate entry 'x' for key``."""


def reason_of(record: Any) -> str | None:
    """The words of a failed record's logs without values of its row; the record itself is not looked at."""
    attributes = record.get("attributes") if isinstance(record, Mapping) else None
    logs = attributes.get("logs") if isinstance(attributes, Mapping) else None
    words = _said(logs)
    row = _ROW.search(words)
    return _VALUES.sub("…", words[: row.start()] if row else words).strip() or None


def _said(logs: Any) -> str:
    """The text that tells why, in logs of any of the forms that servers and services write."""
    for _ in range(_MAX_LEVELS):
        if isinstance(logs, list):
            logs = logs[0] if logs else None
        elif isinstance(logs, Mapping):
            logs = next((logs[name] for name in _WORDS if logs.get(name)), None)
        elif isinstance(logs, str) and logs.startswith(("{", "[")):
            parsed = _parsed(bounded_text(logs))
            if parsed is None:
                break
            logs = parsed
        else:
            break
    return "" if isinstance(logs, Mapping | list) else bounded_text(logs)


def _parsed(text: str) -> Any:
    """The JSON value of a text, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
