"""Words about a run: when it was, how long it took, how many rows arrived. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.commands.kubectl.views.resource_view import age, read_time
from sync_operator.util.bounds import one_line

__all__ = ["duration_of", "reasons_of", "rows_of", "run_line", "verdict_of"]

_TRIGGERS: Final = {"Schedule": "scheduled", "Request": "requested", "Other": "started on the server"}
_MAX_REASON: Final = 300
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def verdict_of(run: Mapping[str, Any]) -> str:
    """What became of a run; the server's word where no verdict is known."""
    return one_line(str(run.get("verdict") or run.get("status") or "unknown"), 64)


def rows_of(run: Mapping[str, Any]) -> str:
    """How many rows arrived, such as ``963 of 1000``; empty if it has none."""
    rows = run.get("rows")
    if not isinstance(rows, dict):
        return ""
    return f"{rows.get('succeeded', 0)} of {rows.get('total', 0)}"


def duration_of(run: Mapping[str, Any], now: datetime) -> str:
    """How long it took, or runs already."""
    started, finished = read_time(run.get("startedAt")), read_time(run.get("finishedAt"))
    if started is None:
        return ""
    return age((finished or now) - started)


def reasons_of(run: Mapping[str, Any]) -> tuple[str, ...]:
    """Why rows of it were refused."""
    listed = run.get("reasons")
    return tuple(one_line(str(reason), _MAX_REASON) for reason in (listed if isinstance(listed, list) else ()))


def run_line(run: Mapping[str, Any], now: datetime) -> str:
    """A run in one line, such as ``run 12, requested 3m ago, took 12s: rows refused, 963 of 1000 rows delivered``."""
    return ", ".join(_parts(run, now))


def _parts(run: Mapping[str, Any], now: datetime) -> Iterator[str]:
    name = f"run {one_line(str(run['id']), 32)}" if run.get("id") else "run without an id"
    started = read_time(run.get("startedAt"))
    how = _TRIGGERS.get(str(run.get("trigger")), "")
    when = f" {age(now - started)} ago" if started is not None else ""
    took = f", took {duration_of(run, now)}" if run.get("finishedAt") and started is not None else ""
    head = f"{name}, {how}{when}{took}" if how else f"{name}{when}{took}"
    yield f"{head}: {verdict_of(run)}"
    rows = rows_of(run)
    if rows:
        yield f"{rows} rows delivered"
    refused = run["rows"].get("failed") if rows else 0
    if refused:
        yield f"{refused} refused"
