"""From a spec to the schedule in force, and from a schedule to its next runs. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import add
from typing import Final

from sync_operator.errors import InvalidSpecError
from sync_operator.model.enums import IntervalUnit
from sync_operator.model.sync import Scheduler, ScheduleType, SyncSpec
from sync_operator.schedule.controller import Following, runs_after
from sync_operator.schedule.cron import parse_cron
from sync_operator.schedule.interval import LONGEST, interval_expression, interval_length
from sync_operator.schedule.next import next_after
from sync_operator.schedule.server import server_line, server_line_warning, server_zone_warning
from sync_operator.schedule.zones import check_zone, load_zone

__all__ = ["Schedule", "effective_schedule", "next_runs"]

_UTC: Final = "Etc/UTC"


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a CronJob is to be given, or what the server makes of its own schedule.

    Attributes:
        expression: a cron line, or ``@every`` with a duration; None for a sync that runs by request only.
        time_zone: IANA name. Only a cron line that a user wrote has another than UTC: intervals know no summer time.
        every: length of the interval; None for a user's cron line and for manual syncs.
        deadline: the CronJob's ``startingDeadlineSeconds``; None where it has none, which is with ``@every``.
        written_by_user: True for a cron line of the spec, which is passed on unchanged.
        warning: in which way the server's own schedule is not the one that was asked for; else empty.
    """

    expression: str | None
    time_zone: str = _UTC
    every: timedelta | None = None
    deadline: timedelta | None = None
    written_by_user: bool = False
    warning: str = ""


def effective_schedule(spec: SyncSpec, namespace: str, name: str) -> Schedule:
    """The schedule that a spec leads to. What the schedule type does not use is checked all the same.

    Args:
        spec: a spec as `read_sync_spec` returns it.
        namespace: namespace of the Sync.
        name: name of the Sync; both give an interval its phase.

    Raises:
        InvalidSpecError: the cron line, the time zone or the interval cannot be used; names the field.
    """
    every = _interval(spec)
    try:
        check_zone(spec.time_zone)
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
        count: how many times.

    Returns:
        Fewer than ``count``, or none, when the line fires no more often within the controller's horizon.
    """
    if schedule.expression is None:
        return ()
    if schedule.every is not None and schedule.expression.startswith("@every"):
        following: Following = partial(add, schedule.every)
    else:
        following = partial(next_after, parse_cron(schedule.expression), load_zone(schedule.time_zone))
    return runs_after(following, now, anchor or now, schedule.deadline, count)


def _interval(spec: SyncSpec) -> timedelta | None:
    if spec.sync_interval is None or spec.sync_interval_unit is None:
        return None
    every = interval_length(spec.sync_interval, spec.sync_interval_unit)
    if every > LONGEST:
        raise InvalidSpecError(
            "spec.syncInterval",
            f"{spec.sync_interval} {spec.sync_interval_unit} is over {LONGEST.days} days; check syncIntervalUnit",
        )
    return every
