"""Logging: one JSON object a line (for machines) or one plain line (for people), on standard error.

Whatever looks like a secret is masked here once more: the traceback of a defect may quote what no message of ours does.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from sync_operator.redact import mask
from sync_operator.settings import LogSettings

__all__ = ["configure_logging"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what the caller gave as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        entry.update(_extras(record))
        if record.exc_info:
            entry["exception"] = mask(self.formatException(record.exc_info))
        return json.dumps(entry, default=str, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    """``12:34:56 INFO message``, times in UTC; what is given as ``extra`` is for machines, messages tell all."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        line = f"{time} {record.levelname} {record.getMessage()}"
        return mask(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and key.islower()}


def configure_logging(settings: LogSettings) -> None:
    """Send the root logger to standard error in the chosen form; libraries only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if settings.format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sync_operator").setLevel(settings.level)
