"""Intervals: as a cron line where one fires at equal gaps for ever, else as ``@every``, which always does."""

from datetime import timedelta
from typing import Final

from sync_operator.durations import format_duration
from sync_operator.model.enums import IntervalUnit
from sync_operator.schedule.spread import phase

__all__ = ["LONGEST", "interval_expression", "interval_length"]

_UNITS: Final = {
    IntervalUnit.MINUTES: timedelta(minutes=1),
    IntervalUnit.HOURS: timedelta(hours=1),
    IntervalUnit.DAYS: timedelta(days=1),
    IntervalUnit.WEEKS: timedelta(weeks=1),
}
_HOUR: Final = 60
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
LONGEST: Final = timedelta(days=3650)
"""Longer intervals are taken for a mistake."""


def interval_length(count: int, unit: IntervalUnit) -> timedelta:
    """How long ``count`` units are (API fields ``sync_interval``, ``sync_interval_unit``); days are 24 hours."""
    return _UNITS[unit] * count


def interval_expression(every: timedelta, namespace: str, name: str) -> str:
    """The schedule of a CronJob that fires at that interval exactly, read in UTC.

    Lengths that divide the hour or (in whole hours) the day, and the week, become a cron line with a phase of its own
    for each Sync. No cron line fires at equal gaps for any other.
    """
    minutes = every // timedelta(minutes=1)
    start = phase(namespace, name, minutes)
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
