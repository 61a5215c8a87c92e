"""The server's own scheduler: its cron line for an interval, when it fires, and the lines it accepts but never runs."""

import re
from datetime import datetime
from typing import Final

from croniter import croniter

from sync_operator.sandbox.state import Store, StoredSync
from sync_operator.sandbox.workflow_progress import start_workflow

__all__ = ["cron_from_interval", "is_accepted_cron", "register_schedule"]

_FIELD: Final = r"(?:[\d*,/-]|[a-zA-Z]{3})+"
_RUNNABLE: Final = re.compile(rf"@\w+|{_FIELD}(?: {_FIELD}){{4}}", re.ASCII)
"""Lines that the workflow engine can run: five plain fields, or a macro such as ``@daily``."""
_ZONE: Final = re.compile(r" [A-Z]\w+(/\w+)+$", re.ASCII)


def is_accepted_cron(line: str) -> bool:
    """True for a cron line that the API accepts (201); not all of these run afterwards (contract S7).

    Raises:
        ZeroDivisionError: for a step of 0, which crashes the server's own check (contract S13).
    """
    if re.search(r"/0+(?![\d])", line):
        raise ZeroDivisionError(line)
    plain = re.sub(r"^(\S+) 24 ", r"\1 0 ", _ZONE.sub("", line))
    return croniter.is_valid(plain)


def cron_from_interval(interval: int, unit: str) -> str:
    """The cron line that the server makes from an interval; as crude as that of the real server (contract S6)."""
    return {
        "minutes": f"*/{interval} * * * *",
        "hours": f"0 */{interval} * * *",
        "days": f"0 0 */{interval} * *",
        "weeks": f"0 0 */{interval * 7} * *",
    }.get(unit, "")


def register_schedule(store: Store, sync: StoredSync, at: datetime) -> None:
    """Register a sync's schedule with the server's scheduler; a manual sync has none."""
    kind, attributes = sync.attributes.get("schedule_type"), sync.attributes
    line = None
    if kind == "cron_expression" or (kind == "automated" and attributes.get("cron_expression")):
        line = attributes.get("cron_expression")
    elif kind in {"interval", "automated"} and attributes.get("sync_interval"):
        line = cron_from_interval(int(attributes["sync_interval"]), str(attributes.get("sync_interval_unit")))
    if line and line != sync.server_schedule and not store.temporal_away:
        sync.server_schedule = line
        sync.schedule_number = store.next_number()
        _await_next(store, sync, at)


def _await_next(store: Store, sync: StoredSync, at: datetime) -> None:
    """Plan the next run of a schedule: only one at a time, as the engine does; none for a line it cannot run."""
    line, number = sync.server_schedule, sync.schedule_number
    if line is None or _RUNNABLE.fullmatch(line) is None or not croniter.is_valid(line):
        return

    def fire(when: datetime) -> None:
        if sync.server_schedule is None or sync.schedule_number != number or sync.discarded_at is not None:
            return
        if sync.workflow is None and sync.status != "disabled":
            start_workflow(store, sync, when, store.next_outcome(sync.id))
        _await_next(store, sync, when)

    store.at(croniter(line, at).get_next(datetime), fire)
