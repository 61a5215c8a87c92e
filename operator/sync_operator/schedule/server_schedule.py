"""How a server's own scheduler runs a schedule: less exactly than the spec asks for, and always in UTC."""

from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.enums import IntervalUnit
from sync_operator.schedule.timezones import load_zone

__all__ = ["server_line", "server_line_warning", "server_zone_warning"]

_EVEN: Final = {IntervalUnit.MINUTES: 60, IntervalUnit.HOURS: 24, IntervalUnit.DAYS: 1, IntervalUnit.WEEKS: 0}
"""A cron step restarts with each hour, day or month: only steps that divide this number are evenly spaced."""
_REMEDY: Final = "scheduler 'CronJob' runs it as asked"


def server_line(count: int, unit: IntervalUnit) -> str:
    """The cron line that the server derives from an interval and reads in UTC."""
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
    """Warning if that cron line does not fire exactly at the interval; else empty."""
    if _EVEN[unit] % count == 0 and _EVEN[unit]:
        return ""
    again = {IntervalUnit.MINUTES: "hour", IntervalUnit.HOURS: "day"}.get(unit, "month")
    return (
        f"spec.syncInterval asks for every {count} {unit}, of which the server makes {server_line(count, unit)!r}, "
        f"which starts again each {again}; {_REMEDY}"
    )


def server_zone_warning(zone: str) -> str:
    """Warning if the server reads a cron line in another time zone than the requested one; else empty."""
    first = datetime(2026, 1, 1, tzinfo=load_zone(zone))
    if not any((first + timedelta(days=30 * month)).utcoffset() for month in range(12)):
        return ""
    return f"spec.timeZone is {zone}, but the server reads spec.cronExpression in UTC; {_REMEDY}"
