"""When the CronJob controller starts Jobs: its own bookkeeping, followed step by step.

It does not simply take the next time of a line. It looks back to the last time (or the creation, or the starting
deadline), counts on from there, leaps over what was missed, and asks to be called again a moment after the next time.
Where clocks change, each of these may lead to another answer.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

__all__ = ["Following", "runs_after"]

type Following = Callable[[datetime], datetime | None]
"""The next time of a schedule after a moment, in UTC and without fractions of a second; None when there is none."""

_SECOND: Final = timedelta(seconds=1)
_LATE: Final = timedelta(milliseconds=100)
"""How long after a scheduled time the controller looks."""


class _Stops(Exception):  # noqa: N818 - an outcome, not an error
    """The controller searches for ever, or waits for a time that does not come."""


class _Invalid(_Stops):
    """The controller calls the schedule invalid: two times in a row do not lie apart."""


def runs_after(
    following: Following, now: datetime, anchor: datetime, deadline: timedelta | None, count: int
) -> tuple[datetime, ...]:
    """The times of the Jobs that the controller starts after ``now``.

    Args:
        following: the schedule.
        now: aware; when the controller looks at the CronJob.
        anchor: ``lastScheduleTime``, or the creation before the first Job.
        deadline: the CronJob's ``startingDeadlineSeconds``.
        count: how many times; there may be fewer.
    """
    following = cache(following)
    runs: list[datetime] = []
    moment, last = now, anchor.astimezone(UTC).replace(microsecond=0)
    try:
        while len(runs) < count:
            due, _ = _look_back(following, last if deadline is None else max(last, moment - deadline), moment)
            if due is not None and due != last:
                # What is due at the first look is a time missed before now, not one to come.
                if moment > now:
                    runs.append(due)
                last = due
            moment = _next_look(following, last, moment)
    except (_Stops, OverflowError):  # anybody can write a last time of the year 9999 into a CronJob's status
        pass
    return tuple(runs)


def _next_look(following: Following, last: datetime, moment: datetime) -> datetime:
    """When the controller asks to be called again."""
    try:
        recent, missed = _look_back(following, last, moment)
    except _Invalid:
        recent, missed = None, True
    time = following(recent or (moment if missed else last))
    if time is None or time <= moment:
        raise _Stops
    return time + _LATE


def _look_back(following: Following, start: datetime, moment: datetime) -> tuple[datetime | None, bool]:
    """The most recent time after ``start`` and not after ``moment``, and whether more than one has passed.

    An uneven line may have such a time without its being found: the controller leaps by the first gap.
    """
    first = following(start)
    if first is None:
        raise _Stops
    if moment < first:
        return None, False
    second = following(first)
    if second is None or second - first < _SECOND:
        raise _Invalid
    if moment < second:
        return first, False
    gap = second - first
    found, passed = None, set[datetime]()
    time = following(first + ((moment - first) // gap - 1) * gap)
    while time is not None and time <= moment and time not in passed:
        passed.add(time)
        found, time = time, following(time)
    # Where clocks go back, the library may step back in time, and the controller then goes round in circles.
    if time is None or time in passed:
        raise _Stops
    return found, True
