"""What a server's own scheduler makes of a schedule: cruder than what was asked for, and always in UTC."""

from datetime import datetime, timedelta
from typing import Final

from sync_operator.model.enums import IntervalUnit
from sync_operator.schedule.zones import load_zone

__all__ = ["server_line", "server_line_warning", "server_zone_warning"]

_EVEN: Final = {IntervalUnit.MINUTES: 60, IntervalUnit.HOURS: 24, IntervalUnit.DAYS: 1, IntervalUnit.WEEKS: 0}
"""Steps begin anew with each hour, day or month: those are even that divide this number."""
_REMEDY: Final = "scheduler 'CronJob' runs it as asked"


def server_line(count: int, unit: IntervalUnit) -> str:
    """The cron line that the server makes of an interval; it is read in UTC."""
    match unit:
        case IntervalUnit.MINUTES:
            return f"*/{count} * * * *"
        case IntervalUnit.HOURS:
            return f"0 */{count} * * *"
        case IntervalUnit.DAYS:
            return f"0 0 */{count} * *"
        case IntervalUnit.WEEKS:
            return f"0 0 */{7 * count} * *"


def server_line_warning(count: int, unit: IntervalUnit) -> str:
    """Where that line does not run at the interval; else empty."""
    if _EVEN[unit] % count == 0 and _EVEN[unit]:
        return ""
    again = {IntervalUnit.MINUTES: "hour", IntervalUnit.HOURS: "day"}.get(unit, "month")
    return (
        f"spec.syncInterval asks for every {count} {unit}, of which the server makes {server_line(count, unit)!r}, "
        f"counted anew each {again}; {_REMEDY}"
    )


def server_zone_warning(zone: str) -> str:
    """Where the server reads a cron line in another zone than the one that was asked for; else empty."""
    first = datetime(2026, 1, 1, tzinfo=load_zone(zone))
    if not any((first + timedelta(days=30 * month)).utcoffset() for month in range(12)):
        return ""
    return f"spec.timeZone is {zone}, but the server reads spec.cronExpression in UTC; {_REMEDY}"
