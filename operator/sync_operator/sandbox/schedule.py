"""The server's own schedule: what it makes of an interval, when it fires, and which lines it takes and never runs."""

import re
from datetime import datetime
from typing import Final

from croniter import croniter

from sync_operator.sandbox.progress import start_workflow
from sync_operator.sandbox.state import Store, StoredSync

__all__ = ["accepted_line", "crude_cron", "register_schedule"]

_FIELD: Final = r"(?:[\d*,/-]|[a-zA-Z]{3})+"
_RUNNABLE: Final = re.compile(rf"@\w+|{_FIELD}(?: {_FIELD}){{4}}", re.ASCII)
"""What the workflow engine can run: five plain fields, or a word."""
_ZONE: Final = re.compile(r" [A-Z]\w+(/\w+)+$", re.ASCII)


def accepted_line(line: str) -> bool:
    """True for a line that the API answers with 201: more than what then runs (contract S7).

    Raises:
        ZeroDivisionError: a step of 0, which the server's own check does not survive (contract S13).
    """
    if re.search(r"/0+(?![\d])", line):
        raise ZeroDivisionError(line)
    plain = re.sub(r"^(\S+) 24 ", r"\1 0 ", _ZONE.sub("", line))
    return croniter.is_valid(plain)


def crude_cron(interval: int, unit: str) -> str:
    """The cron line that the server makes of an interval; as crude as the real one (contract S6)."""
    return {
        "minutes": f"*/{interval} * * * *",
        "hours": f"0 */{interval} * * *",
        "days": f"0 0 */{interval} * *",
        "weeks": f"0 0 */{interval * 7} * *",
    }.get(unit, "")


def register_schedule(store: Store, sync: StoredSync, at: datetime) -> None:
    """Hand the schedule to the server's own scheduler; a manual sync has none."""
    kind, attributes = sync.attributes.get("schedule_type"), sync.attributes
    line = None
    if kind == "cron_expression" or (kind == "automated" and attributes.get("cron_expression")):
        line = attributes.get("cron_expression")
    elif kind in {"interval", "automated"} and attributes.get("sync_interval"):
        line = crude_cron(int(attributes["sync_interval"]), str(attributes.get("sync_interval_unit")))
    if line and line != sync.server_schedule and not store.temporal_away:
        sync.server_schedule = line
        sync.schedule_number = store.number()
        _await_next(store, sync, at)


def _await_next(store: Store, sync: StoredSync, at: datetime) -> None:
    """Make the next run of a schedule due; one at a time, as the engine does, and none for a line it cannot run."""
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
