"""A warning about a ``spec.freshness.maxAge`` that a cron line cannot keep, even if all runs succeed. Pure.

`sync_operator.api.validation.warning_rules` has the same warning for intervals, which CEL can compute too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.validation.warning_rules import MAX_AGE_FIELD, SpecWarning, max_age_warning
from sync_operator.schedule.cron import parse_cron
from sync_operator.schedule.cron_next import fire_times, steady_weeks
from sync_operator.schedule.effective_schedule import Schedule
from sync_operator.schedule.timezones import load_zone
from sync_operator.util.durations import format_duration, parse_duration

__all__ = ["freshness_warnings"]

_START: Final = datetime(2027, 1, 1, tzinfo=UTC)
"""A Friday, so that the weekend is among the first gaps; a fixed date, so that the message stays the same."""
_MAX_RUNS: Final = 250
_MAX_SPAN: Final = timedelta(days=400)
_WEEK: Final = timedelta(days=7)


def freshness_warnings(spec: SyncSpec, schedule: Schedule | None) -> Iterator[SpecWarning]:
    """The warning for a schedule by a cron line; none for any other schedule."""
    if spec.freshness is None or schedule is None or schedule.expression is None or not schedule.written_by_user:
        return
    gap = _longest_gap(schedule.expression, schedule.time_zone)
    if parse_duration(spec.freshness.max_age) <= gap:
        words = f"the longest time between two runs of the cron line ({format_duration(gap)})"
        yield SpecWarning(tuple(MAX_AGE_FIELD.split(".")), max_age_warning(words))


@lru_cache(maxsize=4096)
def _longest_gap(expression: str, time_zone: str) -> timedelta:
    """The longest time between two of the runs that are looked at; zero if there are no two."""
    line, zone = parse_cron(expression), load_zone(time_zone)
    longest, first = timedelta(), next(fire_times(line, zone, _START), None)
    if first is None:
        return longest
    run, left, end = first, _MAX_RUNS, first + _MAX_SPAN
    while left and run < end:
        alike, before = steady_weeks(line, zone, run), left
        week_end = min(run + _WEEK, end) if line.has_all_dates else end
        for following in islice(fire_times(line, zone, run), left):
            longest, run, left = max(longest, following - run), following, left - 1
            if run >= week_end:
                break
        if left == before:
            break
        # Weeks that are like this one have no other times between runs, and are skipped.
        skipped = max(min(alike - 1, left // (before - left), (end - run) // _WEEK), 0)
        run, left = run + skipped * _WEEK, left - skipped * (before - left)
    return longest
