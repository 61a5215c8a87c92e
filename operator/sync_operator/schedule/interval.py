"""Intervals: as a cron line where one is evenly spaced, else as ``@every``, which always is."""

from datetime import timedelta
from hashlib import sha256
from typing import Final

from sync_operator.api.enums import IntervalUnit
from sync_operator.util.durations import format_duration

__all__ = ["MAX_INTERVAL", "interval_expression", "interval_length", "stable_offset"]

_HOUR: Final = 60
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
MAX_INTERVAL: Final = timedelta(days=3650)
"""Longer intervals are rejected as a mistake."""


def interval_length(count: int, unit: IntervalUnit) -> timedelta:
    """Length of an interval (API fields ``sync_interval``, ``sync_interval_unit``); a day has 24 hours."""
    return timedelta(seconds=count * unit.seconds)


def interval_expression(every: timedelta, namespace: str, name: str) -> str:
    """The schedule of a CronJob that fires exactly at that interval, in UTC.

    Lengths that divide the hour or (in whole hours) the day, and the week, become a cron line with a stable offset for
    each Sync. For any other length no cron line is evenly spaced.
    """
    minutes = every // timedelta(minutes=1)
    start = stable_offset(namespace, name, minutes)
    hour, minute = divmod(start % _DAY, _HOUR)
    if minutes == 1:
        return "* * * * *"
    if minutes == _HOUR:
        return f"{start} * * * *"
    if minutes == _DAY:
        return f"{minute} {hour} * * *"
    if minutes == _WEEK:
        return f"{minute} {hour} * * {start // _DAY}"
    if _HOUR % minutes == 0:
        return f"{start}-59/{minutes} * * * *"
    if minutes % _HOUR == 0 and _DAY % minutes == 0:
        return f"{minute} {hour}-23/{minutes // _HOUR} * * *"
    return f"@every {format_duration(every)}"


def stable_offset(namespace: str, name: str, period: int) -> int:
    """A number from 0 to ``period - 1``, derived from the name alone: it survives deletion, restart and upgrade.

    So Syncs with the same interval do not all fire at once.
    """
    digest = sha256(f"{namespace}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % period
