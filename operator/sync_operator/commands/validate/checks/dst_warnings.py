"""Warnings about runs of a cron line that the next DST changes skip or repeat. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, takewhile
from typing import Final

from sync_operator.schedule.clock_changes import clock_changes, offset_at
from sync_operator.schedule.cron import CronLine, parse_cron
from sync_operator.schedule.cron_next import fire_times
from sync_operator.schedule.effective_schedule import Schedule, all_runs
from sync_operator.schedule.timezones import load_zone

__all__ = ["dst_warnings"]

_AHEAD: Final = timedelta(days=400)
"""How far to search: a little more than a year, which contains both DST changes of a zone."""
_CHANGES: Final = 2
_AROUND: Final = timedelta(hours=12)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_HOURS: Final = 24
_NAMED: Final = 3


def dst_warnings(schedule: Schedule, now: datetime) -> tuple[str, ...]:
    """A warning for each of the next DST changes that affects a run.

    Lines that fire in every hour get none: their intervals stay the same.
    """
    if schedule.expression is None or not schedule.written_by_user:
        return ()
    line = parse_cron(schedule.expression)
    if len(line.hours) == _HOURS:
        return ()
    zone = load_zone(schedule.time_zone)
    return tuple(
        words
        for change in _next_changes(zone, now)
        if not _avoids(line, _odd_times(zone, change))
        for words in _told(schedule, zone, change)
    )


@lru_cache
def _next_changes(zone: tzinfo, now: datetime) -> tuple[datetime, ...]:
    return tuple(islice(clock_changes(zone, now, now + _AHEAD), _CHANGES))


@lru_cache(maxsize=4096)
def _told(schedule: Schedule, zone: tzinfo, change: datetime) -> tuple[str, ...]:
    """Compare the local times that the line names with those at which it will really run."""
    begin, end = change - _AROUND, change + _AROUND
    runs = takewhile(lambda run: run < end, all_runs(schedule, begin, anchor=None))
    readings = Counter(run.astimezone(zone).replace(tzinfo=None) for run in runs)
    named = set(_named(schedule, begin.astimezone(zone), end.astimezone(zone)))
    forward = offset_at(zone, change) > offset_at(zone, change - _MINUTE)
    day = (change - _MINUTE).astimezone(zone).date()
    words = f"clocks in {schedule.time_zone} go {'forward' if forward else 'back'} on {day}:"
    missing = sorted(named - set(readings))
    twice = sorted(time for time, count in readings.items() if count > 1)
    warnings = []
    if missing:
        warnings.append(f"{words} {_listed(missing, 'is', 'are')} left out, because the clock never shows that time")
    if twice:
        warnings.append(f"{words} {_listed(twice, 'comes', 'come')} twice, because the clock shows that time twice")
    return tuple(warnings)


@lru_cache
def _odd_times(zone: tzinfo, change: datetime) -> tuple[datetime, range] | None:
    """Day and hours of the local times that a change leaves out or repeats; None unless these are whole hours.

    Only such a change affects no other times; and where midnight is among them, it may affect the whole day.
    """
    before, after = offset_at(zone, change - _MINUTE), offset_at(zone, change)
    local = change.replace(tzinfo=None)
    first, last = sorted((local + before, local + after))
    is_whole = not (after - before) % _HOUR and not first.minute and not first.second
    return (first, range(first.hour, last.hour)) if is_whole and 0 < first.hour < last.hour else None


def _avoids(line: CronLine, odd: tuple[datetime, range] | None) -> bool:
    """True if the line names none of these times; False if that is not sure."""
    return odd is not None and (line.hours.isdisjoint(odd[1]) or not line.fits_date(odd[0]))


def _named(schedule: Schedule, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Local times between two moments that match the line, as if there were no DST change."""
    line = parse_cron(schedule.expression or "")
    times = fire_times(line, UTC, begin.replace(tzinfo=UTC))
    for time in takewhile(lambda time: time < end.replace(tzinfo=UTC), times):
        yield time.replace(tzinfo=None)


def _listed(times: list[datetime], one: str, many: str) -> str:
    examples = ", ".join(time.strftime("%H:%M") for time in times[:_NAMED])
    if len(times) == 1:
        return f"the run of {examples} {one}"
    return f"{len(times)} runs ({examples}{', …' * (len(times) > _NAMED)}) {many}"
