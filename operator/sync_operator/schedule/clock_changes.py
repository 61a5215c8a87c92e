"""When the clocks of a time zone change, and the spans of time in which they do not. Pure."""

from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["ClockSpan", "clock_changes", "clock_span", "offset_at"]

_STEP: Final = timedelta(days=4)
"""Time between two looks at the offset: no zone has ever changed its clocks twice within six days."""
_SECOND: Final = timedelta(seconds=1)
_EDGE: Final = 2
"""Years at both ends of Python's calendar for which no span is computed."""


class ClockSpan(NamedTuple):
    """A span of time in which the clocks of a zone do not change.

    Attributes:
        start: its first second, in UTC.
        end: the first second after it, in UTC. Start and end are changes of clocks, or bounds of the search.
        offset: local time minus UTC.
        margin: how far the clocks move at either end, at most.
    """

    start: datetime
    end: datetime
    offset: timedelta
    margin: timedelta


def offset_at(zone: tzinfo, moment: datetime) -> timedelta:
    """Local time minus UTC at a time (aware)."""
    return moment.astimezone(zone).utcoffset() or timedelta()


def clock_changes(zone: tzinfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The first second of each new offset of a zone between two times (aware), in UTC."""
    low, before = start.astimezone(UTC).replace(microsecond=0), offset_at(zone, start)
    while low < end:
        next_look = min(low + _STEP, end)
        after = offset_at(zone, next_look)
        if after != before:
            high = next_look
            while high - low > _SECOND:
                middle = low + (high - low) // (2 * _SECOND) * _SECOND
                low, high = (middle, high) if offset_at(zone, middle) == before else (low, middle)
            yield high
        low, before = next_look, after


def clock_span(zone: tzinfo, moment: datetime) -> ClockSpan | None:
    """The span that contains a time (in UTC); None at both ends of the calendar. It is at most three years long."""
    year = moment.year
    if not MINYEAR + _EDGE <= year <= MAXYEAR - _EDGE:
        return None
    for span in _spans(zone, year):
        if moment < span.end:
            return span
    return None


@lru_cache(maxsize=2048)
def _spans(zone: tzinfo, year: int) -> tuple[ClockSpan, ...]:
    """The spans of the year, the one before and the one after."""
    start, end = datetime(year - 1, 1, 1, tzinfo=UTC), datetime(year + 2, 1, 1, tzinfo=UTC)
    bounds = (start, *clock_changes(zone, start, end), end)
    offsets = [offset_at(zone, bound) for bound in bounds]
    offsets[-1] = offsets[-2]  # the end of the search is not a change
    return tuple(
        ClockSpan(
            bounds[number],
            bounds[number + 1],
            offset,
            max(abs(offset - offsets[number - 1] if number else timedelta()), abs(offsets[number + 1] - offset)),
        )
        for number, offset in enumerate(offsets[:-1])
    )
