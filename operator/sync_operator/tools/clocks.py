"""What the next changes of clocks do to a cron line: runs that are left out, and runs that come twice. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import Final

from sync_operator.schedule.cron import parse_cron
from sync_operator.schedule.next import next_after
from sync_operator.schedule.plan import Schedule, next_runs
from sync_operator.schedule.zones import load_zone

__all__ = ["clock_warnings"]

_AHEAD: Final = 400
"""Days: a little more than a year, in which clocks change twice where they do."""
_CHANGES: Final = 2
_AROUND: Final = timedelta(hours=12)
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_COUNTS: Final = (4, 64, 1500)
"""How many runs to look at, until they reach beyond the day: a monthly line has few of them, a busy one many."""
_HOURS: Final = 24
_NAMED: Final = 3


@lru_cache(maxsize=4096)
def clock_warnings(schedule: Schedule, now: datetime) -> tuple[str, ...]:
    """A sentence for each of the next clock changes that a run falls into.

    Lines that fire in every hour are not spoken of: they go on at the same distances.
    """
    if schedule.expression is None or not schedule.written_by_user:
        return ()
    line = parse_cron(schedule.expression)
    if len(line.hours) == _HOURS:
        return ()
    zone = load_zone(schedule.time_zone)
    return tuple(words for change in _next_changes(zone, now) for words in _told(schedule, zone, change))


@lru_cache
def _next_changes(zone: tzinfo, now: datetime) -> tuple[datetime, ...]:
    return tuple(islice(_changes(zone, now), _CHANGES))


def _changes(zone: tzinfo, now: datetime) -> Iterator[datetime]:
    """The moments at which the zone's offset changes, in UTC."""
    for day in range(_AHEAD):
        low, high = (now.astimezone(UTC) + day * _DAY, now.astimezone(UTC) + (day + 1) * _DAY)
        if _offset(zone, low) == _offset(zone, high):
            continue
        before = _offset(zone, low)
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
        yield high.replace(microsecond=0)


def _told(schedule: Schedule, zone: tzinfo, change: datetime) -> Iterator[str]:
    """Compare the clock readings that the line names with those at which it will really run."""
    begin, end = change - _AROUND, change + _AROUND
    runs: tuple[datetime, ...] = ()
    for count in _COUNTS:
        runs = next_runs(schedule, begin, anchor=None, count=count)
        if len(runs) < count or runs[-1] >= end:
            break
    readings = Counter(run.astimezone(zone).replace(tzinfo=None) for run in runs if run < end)
    named = set(_named(schedule, begin.astimezone(zone), end.astimezone(zone)))
    forward = _offset(zone, change) > _offset(zone, change - _MINUTE)
    day = (change - _MINUTE).astimezone(zone).date()
    words = f"clocks in {schedule.time_zone} go {'forward' if forward else 'back'} on {day}:"
    missing = sorted(named - set(readings))
    twice = sorted(time for time, count in readings.items() if count > 1)
    if missing:
        yield f"{words} {_listed(missing, 'is', 'are')} left out, because the clock never shows that time"
    if twice:
        yield f"{words} {_listed(twice, 'comes', 'come')} twice, because the clock shows that time twice"


def _named(schedule: Schedule, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Readings of a clock between two moments that the line fits, as if clocks never changed."""
    line = parse_cron(schedule.expression or "")
    time = next_after(line, UTC, begin.replace(tzinfo=UTC))
    while time is not None and time < end.replace(tzinfo=UTC):
        yield time.replace(tzinfo=None)
        time = next_after(line, UTC, time)


def _listed(times: list[datetime], one: str, many: str) -> str:
    shown = ", ".join(time.strftime("%H:%M") for time in times[:_NAMED])
    if len(times) == 1:
        return f"the run of {shown} {one}"
    return f"{len(times)} runs ({shown}{', …' * (len(times) > _NAMED)}) {many}"


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
