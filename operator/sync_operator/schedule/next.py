"""When a cron line fires next, as the cron library of the CronJob controller sees it.

That library walks forward from a moment field by field, months first, by adding hours and minutes of real time. On days
when clocks change this is more than a way of computing: times in a spring gap are skipped, repeated times come twice;
where clocks move at another time than the full hour, the outcome depends on where the walk begins, and may even lie
before it. So the walk itself is followed here.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from sync_operator.schedule.cron import CronLine

__all__ = ["next_after"]

_YEARS: Final = 5
"""How far ahead it looks for a time before it takes a line for one that never fires."""
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_NOON: Final = 12


def next_after(line: CronLine, zone: tzinfo, moment: datetime) -> datetime | None:
    """The time that the library names as the next one after a moment (aware), in UTC; None when it names none."""
    if line.empty:
        return None
    walk = _Walk(line, zone, moment)
    last_year = walk.local.year + _YEARS
    try:
        while walk.local.year <= last_year:
            if walk.to_month() and walk.to_day() and walk.to_hour() and walk.to_minute() and walk.to_full_minute():
                return walk.local.astimezone(UTC)
    except _Endless:
        pass
    return None


class _Endless(Exception):  # noqa: N818 - what the library does, not an error
    """The walk came to a day that a zone leaves out (Samoa, 30 December 2011), and steps back each time."""


class _Walk:
    """A moment moving forward until it fits a line.

    Each step returns False when it ran over into the next larger unit, so that the larger ones are looked at again.
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
        while not self._day_fits():
            if not self._moved:
                self._set(self._wall().replace(hour=0, minute=0, second=0))
            self._move_on(self._wall() + _DAY)
            if self.local.hour:
                # There is no midnight on that day, or it comes twice.
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
                # The library cuts to a full minute of real time, not of the clock.
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

    def _day_fits(self) -> bool:
        day = self.local.day in self._line.days
        weekday = self.local.isoweekday() % 7 in self._line.weekdays
        return (day and weekday) if self._line.both_days else (day or weekday)

    def _wall(self) -> datetime:
        return self.local.replace(tzinfo=None)

    def _stride(self, unit: timedelta, value: int, allowed: frozenset[int], size: int) -> None:
        """Move unit by unit to the next allowed value or to the end: at once, where clocks do not change meanwhile."""
        before = self.local
        self._add(unit * (min((other for other in allowed if other > value), default=size) - value))
        if self.local.utcoffset() != before.utcoffset():
            self.local = before
            self._add(unit)

    def _add(self, delta: timedelta) -> None:
        """Move by real time, whatever clocks do meanwhile."""
        self.local = (self.local.astimezone(UTC) + delta).astimezone(self._zone)
        self._moved = True

    def _move_on(self, wall: datetime) -> None:
        before = self.local
        self._set(wall)
        if self.local == before:
            raise _Endless

    def _set(self, wall: datetime) -> None:
        """Move to a reading of the clock; where there is none or there are two, to the one Go's `time.Date` takes."""
        as_utc = wall.replace(tzinfo=UTC)
        offset = as_utc.astimezone(self._zone).utcoffset() or timedelta()
        offset = (as_utc - offset).astimezone(self._zone).utcoffset() or timedelta()
        self.local = (as_utc - offset).astimezone(self._zone)
        self._moved = True
