"""Logging to standard error: a JSON object on each line (for machines), or lines of text (for people).

Anything that looks like a secret is masked here once more: the traceback of a defect may quote secrets that none of our
messages do. Logged text cannot start a new line or send control sequences to a terminal: it is escaped.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from sync_operator.settings import LogSettings
from sync_operator.util.bounds import MAX_NUMBER, escaped
from sync_operator.util.redact import mask

__all__ = ["configure_logging"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_MAX_MESSAGE: Final = 8 * 1024
_MAX_EXTRA: Final = 1024
_MAX_TRACEBACK: Final = 16 * 1024
_INDENT: Final = "    "
"""Prefix of each line of a traceback; no other log line begins with it."""


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the ``extra`` fields of the call."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _bounded(record.getMessage(), _MAX_MESSAGE),
        }
        entry |= {key: _extra(value) for key, value in _extras(record).items()}
        if record.exc_info:
            entry["exception"] = _bounded(self.formatException(record.exc_info), _MAX_TRACEBACK)
        return escaped(json.dumps(entry, ensure_ascii=False))


class _TextFormatter(logging.Formatter):
    """``12:34:56 INFO message``, times in UTC; without the ``extra`` fields, since the message is complete."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        line = f"{time} {record.levelname} {escaped(_bounded(record.getMessage(), _MAX_MESSAGE))}"
        if not record.exc_info:
            return line
        traceback = _bounded(self.formatException(record.exc_info), _MAX_TRACEBACK)
        return "\n".join([line, *(_INDENT + escaped(part) for part in traceback.split("\n"))])


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and key.islower()}


def _extra(value: object) -> object:
    """A value for the JSON object: null, booleans and numbers unchanged, everything else as masked text."""
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= MAX_NUMBER):
        return value
    if isinstance(value, float) and abs(value) <= MAX_NUMBER:  # neither infinite nor NaN
        return value
    return _bounded(value if isinstance(value, str) else str(value), _MAX_EXTRA)


def _bounded(text: str, limit: int) -> str:
    """The text, masked, without its middle if it is too long: the end of a traceback says what happened."""
    if len(text) > limit:
        text = f"{text[: limit // 2]} … {text[-limit // 2 :]}"
    return mask(text)


def configure_logging(settings: LogSettings) -> None:
    """Send the root logger to standard error in the chosen format; libraries log from WARNING on only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if settings.format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sync_operator").setLevel(settings.level)
