"""A warning about a ``spec.freshness.maxAge`` that a cron line cannot keep, even if all runs succeed. Pure.

`sync_operator.api.validation.warning_rules` has the same warning for intervals, which CEL can compute too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

from sync_operator.api.sync import SyncSpec
from sync_operator.api.validation.warning_rules import MAX_AGE_FIELD, SpecWarning, max_age_warning
from sync_operator.schedule.cron import parse_cron
from sync_operator.schedule.cron_next import fire_times
from sync_operator.schedule.effective_schedule import Schedule
from sync_operator.schedule.timezones import load_zone
from sync_operator.util.durations import format_duration, parse_duration

__all__ = ["freshness_warnings"]

_START: Final = datetime(2027, 1, 1, tzinfo=UTC)
"""A Friday, so that the weekend is among the first gaps; a fixed date, so that the message stays the same."""
_MAX_RUNS: Final = 250
_MAX_SPAN: Final = timedelta(days=400)


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
    times = fire_times(parse_cron(expression), load_zone(time_zone), _START)
    longest, first = timedelta(), next(times, None)
    if first is None:
        return longest
    run = first
    for following in islice(times, _MAX_RUNS):
        longest, run = max(longest, following - run), following
        if run >= first + _MAX_SPAN:
            break
    return longest
