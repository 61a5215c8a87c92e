"""When a cron line fires next, computed as the cron library of the CronJob controller does it.

That library advances from a start time field by field, months first, by adding hours and minutes of real time. On days
when clocks change, the result depends on this method: times in a spring gap are skipped, and repeated times fire twice;
where clocks do not change at a full hour, the result depends on the start time, and may even precede it. So this module
takes the same steps, except where no change of clocks is near: there the first time that fits is the result.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from sync_operator.schedule.clock_changes import clock_span, offset_at
from sync_operator.schedule.cron import CronLine

__all__ = ["fire_times", "next_after", "next_by_steps", "steady_times", "steady_weeks"]

_YEARS: Final = 5
"""Years to search ahead before a line counts as one that never fires."""
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_NOON: Final = 12
_MINUTES_OF_DAY: Final = tuple(minute * _MINUTE for minute in range(24 * 60))
"""Each minute of a day, since midnight."""
_WEEK: Final = 7 * _DAY
_QUICK_TIME: Final = 62 * _DAY
"""Time within which the first time that fits is searched directly."""


def next_after(line: CronLine, zone: tzinfo, moment: datetime) -> datetime | None:
    """The library's next time after a moment (aware), in UTC; None if the library finds none."""
    if line.empty:
        return None
    return next(steady_times(line, zone, moment), None) or next_by_steps(line, zone, moment)


def fire_times(line: CronLine, zone: tzinfo, moment: datetime) -> Iterator[datetime]:
    """The library's times after a moment (aware), in UTC, one after the other; they may have no end."""
    while not line.empty:
        for moment in steady_times(line, zone, moment):  # noqa: B020, PLR1704 (continues after the last of them)
            yield moment
        following = next_by_steps(line, zone, moment)
        if following is None:
            return
        yield following
        moment = following


def steady_times(line: CronLine, zone: tzinfo, moment: datetime) -> Iterator[datetime]:
    """The first of `fire_times`, computed faster: as many as no change of clocks can affect, and none that is far.

    There may be none. All that the steps of the library look at on the way to one of these times is in one span.
    """
    moment = moment.astimezone(UTC)
    span = clock_span(zone, moment)
    if span is None or span.offset % _MINUTE or line.empty:
        return
    start = moment.replace(microsecond=0) + _SECOND
    local = start + span.offset
    fits_today = line.fits_date(local)
    # The steps go back to the full hour, to midnight if the day does not fit, and to day 1 if the month does not.
    back = _HOUR if fits_today else _DAY if local.month in line.months else local.day * _DAY
    if start - back < span.start + span.margin:
        return
    if local.second:
        local += _MINUTE - local.second * _SECOND
    end = span.end - span.margin
    midnight = local.replace(hour=0, minute=0)
    times = _times_of_day(line.hours, line.minutes)
    today = times[bisect_left(times, local - midnight) :]
    last = midnight + _QUICK_TIME
    while midnight < last:
        if line.fits_date(midnight):
            start_of_day = midnight - span.offset
            for time_of_day in today:
                time = start_of_day + time_of_day
                if time >= end:
                    return
                yield time
                last = midnight + _QUICK_TIME
        midnight += _DAY
        today = times


def steady_weeks(line: CronLine, zone: tzinfo, run: datetime) -> int:
    """Number of weeks after a run for which it is sure that the line fires at the same local times in each of them."""
    span = clock_span(zone, run)
    if span is None or run - _WEEK < span.start + span.margin or not line.has_all_dates:
        return 0
    return max((span.end - span.margin - run) // _WEEK, 0)


@lru_cache(maxsize=256)
def _times_of_day(hours: frozenset[int], minutes: frozenset[int]) -> tuple[timedelta, ...]:
    """The times of a day at which a line fires, since midnight. Cached, because there can be 1440 of them."""
    return tuple(_MINUTES_OF_DAY[hour * 60 + minute] for hour in sorted(hours) for minute in sorted(minutes))


def next_by_steps(line: CronLine, zone: tzinfo, moment: datetime) -> datetime | None:
    """As `next_after`, by the steps that the library takes."""
    if line.empty:
        return None
    walk = _FieldSearch(line, zone, moment)
    last_year = walk.local.year + _YEARS
    try:
        while walk.local.year <= last_year:
            if walk.to_month() and walk.to_day() and walk.to_hour() and walk.to_minute() and walk.to_full_minute():
                return walk.local.astimezone(UTC)
    except _NoNextTime:
        pass
    return None


class _NoNextTime(Exception):  # noqa: N818 - what the library does, not an error
    """The search reached a day that a zone leaves out (Samoa, 30 December 2011), and would step back forever."""


class _FieldSearch:
    """A time that is moved forward until it matches a cron line.

    Each step returns False if it overflowed into the next larger unit, so that the larger units are checked again.
    """

    def __init__(self, line: CronLine, zone: tzinfo, moment: datetime) -> None:
        self._line = line
        self._zone = zone
        self._moved = False
        self.local = (moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)).astimezone(zone)

    def to_month(self) -> bool:
        while self.local.month not in self._line.months:
            if not self._moved:
                self._set(self._wall().replace(day=1, hour=0, minute=0, second=0))
            years, month = divmod(self.local.month, 12)
            start = self._wall().replace(year=self.local.year + years, month=month + 1, day=1)
            self._move_on(start + (self.local.day - 1) * _DAY)
            if self.local.month == 1:
                return False
        return True

    def to_day(self) -> bool:
        while not self._line.fits_day(self.local):
            if not self._moved:
                self._set(self._wall().replace(hour=0, minute=0, second=0))
            self._move_on(self._wall() + _DAY)
            if self.local.hour:
                # There is no midnight on that day, or there are two.
                ahead = 24 if self.local.hour > _NOON else 0
                self._add((ahead - self.local.hour) * _HOUR)
            if self.local.day == 1:
                return False
        return True

    def to_hour(self) -> bool:
        while self.local.hour not in self._line.hours:
            if not self._moved:
                self._set(self._wall().replace(minute=0, second=0))
            self._stride(_HOUR, self.local.hour, self._line.hours, 24)
            if self.local.hour == 0:
                return False
        return True

    def to_minute(self) -> bool:
        while self.local.minute not in self._line.minutes:
            if not self._moved:
                # The library truncates to a full minute of real time, not of the wall clock.
                self._add(timedelta(seconds=-self.local.astimezone(UTC).second))
            self._stride(_MINUTE, self.local.minute, self._line.minutes, 60)
            if self.local.minute == 0:
                return False
        return True

    def to_full_minute(self) -> bool:
        while self.local.second:
            self._stride(_SECOND, self.local.second, frozenset(), 60)
            if self.local.second == 0:
                return False
        return True

    def _wall(self) -> datetime:
        return self.local.replace(tzinfo=None)

    def _stride(self, unit: timedelta, value: int, allowed: frozenset[int], size: int) -> None:
        """Move to the next allowed value or the end of the field: in one step, or by one unit if clocks change."""
        before = self.local
        self._add(unit * (min((other for other in allowed if other > value), default=size) - value))
        if self.local.utcoffset() != before.utcoffset():
            self.local = before
            self._add(unit)

    def _add(self, delta: timedelta) -> None:
        """Move by real time, regardless of clock changes."""
        self.local = (self.local.astimezone(UTC) + delta).astimezone(self._zone)
        self._moved = True

    def _move_on(self, wall: datetime) -> None:
        before = self.local
        self._set(wall)
        if self.local == before:
            raise _NoNextTime

    def _set(self, wall: datetime) -> None:
        """Move to a wall clock time; where it does not exist or exists twice, to the one Go's `time.Date` chooses."""
        as_utc = wall.replace(tzinfo=UTC)
        offset = offset_at(self._zone, as_utc - offset_at(self._zone, as_utc))
        self.local = (as_utc - offset).astimezone(self._zone)
        self._moved = True
