"""When the CronJob controller starts Jobs: its own calculation, repeated step by step.

It does not simply take the next time of a cron line. It starts at the last scheduled time (or the creation, or the
starting deadline), counts forward from there, skips missed times, and requeues the CronJob for shortly after the next
time. Around a change of clocks each of these steps may change the result.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

__all__ = ["NextFunc", "upcoming_runs"]

type NextFunc = Callable[[datetime], datetime | None]
"""Returns the next time of a schedule after a given time, in UTC and in whole seconds; None if there is none."""

_SECOND: Final = timedelta(seconds=1)
_NEXT_SCHEDULE_DELTA: Final = timedelta(milliseconds=100)
"""How long after a scheduled time the controller reconciles the CronJob."""


class _NoMoreTimes(Exception):  # noqa: N818 - an outcome, not an error
    """The controller loops forever, or waits for a time that never comes."""


class _Unschedulable(_NoMoreTimes):
    """The controller considers the schedule invalid: two consecutive times are less than a second apart."""


def upcoming_runs(
    following: NextFunc, now: datetime, anchor: datetime, deadline: timedelta | None
) -> Iterator[datetime]:
    """The scheduled times of the Jobs that the controller starts after ``now``, in order; they may have no end.

    Args:
        following: the schedule.
        now: aware; when the controller reconciles the CronJob.
        anchor: ``lastScheduleTime``, or the CronJob's creation before the first Job.
        deadline: the CronJob's ``startingDeadlineSeconds``.
    """
    following = cache(following)
    moment, last = now, anchor.astimezone(UTC).replace(microsecond=0)
    try:
        while True:
            due, _ = _most_recent_schedule_time(
                following, last if deadline is None else max(last, moment - deadline), moment
            )
            if due is not None and due != last:
                # A time that is due at the first reconcile was missed before now; it is not an upcoming one.
                if moment > now:
                    yield due
                last = due
            moment = _next_schedule_time(following, last, moment)
    except (_NoMoreTimes, OverflowError):  # any client can write a last time of the year 9999 into a CronJob's status
        return


def _next_schedule_time(following: NextFunc, last: datetime, moment: datetime) -> datetime:
    """When the controller reconciles the CronJob next."""
    try:
        recent, missed = _most_recent_schedule_time(following, last, moment)
    except _Unschedulable:
        recent, missed = None, True
    time = following(recent or (moment if missed else last))
    if time is None or time <= moment:
        raise _NoMoreTimes
    return time + _NEXT_SCHEDULE_DELTA


def _most_recent_schedule_time(following: NextFunc, start: datetime, moment: datetime) -> tuple[datetime | None, bool]:
    """The most recent time after ``start`` and not after ``moment``, and whether more than one has passed.

    For irregular schedules this can miss a time: like the CronJob controller, it extrapolates from the first interval.
    """
    first = following(start)
    if first is None:
        raise _NoMoreTimes
    if moment < first:
        return None, False
    second = following(first)
    if second is None or second - first < _SECOND:
        raise _Unschedulable
    if moment < second:
        return first, False
    gap = second - first
    found, passed = None, set[datetime]()
    time = following(first + ((moment - first) // gap - 1) * gap)
    while time is not None and time <= moment and time not in passed:
        passed.add(time)
        found, time = time, following(time)
    # Where clocks go back, the library may return an earlier time; the controller then loops forever.
    if time is None or time in passed:
        raise _NoMoreTimes
    return found, True
