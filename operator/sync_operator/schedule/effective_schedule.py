"""From a spec to its effective schedule, and from a schedule to its next runs. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial
from itertools import islice
from operator import add
from typing import Final

from sync_operator.api.enums import IntervalUnit
from sync_operator.api.kinds.sync import Scheduler, ScheduleType, SyncSpec
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.cron import CronLine, parse_cron
from sync_operator.schedule.cron_next import next_after, steady_times
from sync_operator.schedule.cronjob_controller import NextFunc, upcoming_runs
from sync_operator.schedule.interval import MAX_INTERVAL, interval_expression, interval_length
from sync_operator.schedule.server_schedule import server_line, server_line_warning, server_zone_warning
from sync_operator.schedule.timezones import load_zone, validate_zone

__all__ = ["Schedule", "all_runs", "effective_schedule", "next_runs"]

_UTC: Final = "Etc/UTC"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedule of a CronJob, or of the server's own scheduler.

    Attributes:
        expression: a cron line, or ``@every`` with a duration; None for a sync that runs by request only.
        time_zone: IANA name. Only a user's cron line has another one than UTC: intervals ignore daylight saving time.
        every: length of the interval; None for a user's cron line and for manual syncs.
        deadline: the CronJob's ``startingDeadlineSeconds``; None where it has none, as with ``@every``.
        written_by_user: True for a cron line of the spec, which is passed on unchanged.
        warning: how the server's own schedule differs from the requested one; else empty.
    """

    expression: str | None
    time_zone: str = _UTC
    every: timedelta | None = None
    deadline: timedelta | None = None
    written_by_user: bool = False
    warning: str = ""


def effective_schedule(spec: SyncSpec, namespace: str, name: str) -> Schedule:
    """The effective schedule of a spec. Fields that the schedule type does not use are validated too.

    Args:
        spec: a spec as `read_sync_spec` returns it.
        namespace: namespace of the Sync.
        name: name of the Sync; both determine the offset of an interval.

    Raises:
        InvalidSpecError: the cron line, the time zone or the interval is invalid; names the field.
    """
    every = _interval(spec)
    try:
        validate_zone(spec.time_zone)
    except ValueError as error:
        raise InvalidSpecError("spec.timeZone", str(error)) from None
    if spec.cron_expression is not None:
        try:
            parse_cron(spec.cron_expression)
        except ValueError as error:
            raise InvalidSpecError("spec.cronExpression", str(error)) from None
    deadline = timedelta(seconds=spec.run.starting_deadline_seconds)
    is_server = spec.scheduler is Scheduler.SERVER
    match spec.schedule_type:
        case ScheduleType.MANUAL:
            return Schedule(None)
        case ScheduleType.CRON_EXPRESSION | ScheduleType.AUTOMATED if spec.cron_expression is not None and is_server:
            warning = server_zone_warning(spec.time_zone)
            return Schedule(spec.cron_expression, written_by_user=True, warning=warning)
        case ScheduleType.CRON_EXPRESSION | ScheduleType.AUTOMATED if spec.cron_expression is not None:
            return Schedule(spec.cron_expression, spec.time_zone, deadline=deadline, written_by_user=True)
        case ScheduleType.INTERVAL | ScheduleType.AUTOMATED if every is not None and is_server:
            count, unit = spec.sync_interval or 1, spec.sync_interval_unit or IntervalUnit.MINUTES
            return Schedule(server_line(count, unit), warning=server_line_warning(count, unit))
        case ScheduleType.INTERVAL | ScheduleType.AUTOMATED if every is not None:
            expression = interval_expression(every, namespace, name)
            return Schedule(expression, every=every, deadline=None if expression.startswith("@every") else deadline)
        case missing:
            raise InvalidSpecError("spec.scheduleType", f"{missing.value!r} lacks the field that it runs by; set it")


def next_runs(schedule: Schedule, now: datetime, *, anchor: datetime | None, count: int = 5) -> tuple[datetime, ...]:
    """The next times at which the CronJob controller, or the server, will start a run, in UTC.

    Args:
        schedule: as `effective_schedule` returns it.
        now: aware; times at or before it are left out.
        anchor: the CronJob's ``lastScheduleTime``, or its creation before the first run; None counts from ``now``.
        count: maximum number of times.

    Returns:
        Fewer than ``count``, or none, if the schedule does not fire that often within the controller's horizon.
    """
    return tuple(islice(all_runs(schedule, now, anchor=anchor), count))


def all_runs(schedule: Schedule, now: datetime, *, anchor: datetime | None) -> Iterator[datetime]:
    """As `next_runs`, one after the other, computed when they are asked for; they may have no end."""
    if schedule.expression is None:
        return iter(())
    if schedule.every is not None and schedule.expression.startswith("@every"):
        following: NextFunc = partial(add, schedule.every)
        return upcoming_runs(following, now, anchor or now, schedule.deadline)
    line, zone = parse_cron(schedule.expression), load_zone(schedule.time_zone)
    runs = upcoming_runs(partial(next_after, line, zone), now, anchor or now, schedule.deadline)
    return runs if anchor is not None else _runs_from_now(line, zone, now, runs)


def _runs_from_now(line: CronLine, zone: tzinfo, now: datetime, runs: Iterator[datetime]) -> Iterator[datetime]:
    """The same runs, computed faster: while no clocks change, and with none missed, all times of a line become runs."""
    count = 0
    for run in steady_times(line, zone, now):
        yield run
        count += 1
    yield from islice(runs, count, None)


def _interval(spec: SyncSpec) -> timedelta | None:
    if spec.sync_interval is None or spec.sync_interval_unit is None:
        return None
    every = interval_length(spec.sync_interval, spec.sync_interval_unit)
    if every > MAX_INTERVAL:
        raise InvalidSpecError(
            "spec.syncInterval",
            f"{spec.sync_interval} {spec.sync_interval_unit} is over {MAX_INTERVAL.days} days; check syncIntervalUnit",
        )
    return every
