r"""The form of a cron line, as far as a regular expression can tell it.

The dialect is that of the CronJob controller's library. The expression refuses no line that Kubernetes accepts, white
space beyond ASCII apart, and lets pass only ranges that run backwards (``5-1``); the schedule layer is exact.
"""

from typing import Final

__all__ = ["CRON_FORM", "CRON_HELP", "DESCRIPTORS", "EVERY_REFUSED", "MONTHS", "WEEKDAYS", "ZONE_REFUSED"]

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Names for a cron line → the line; letter case matters."""

CRON_HELP: Final = (
    "write minute (0-59), hour (0-23), day of month (1-31), month (1-12 or JAN-DEC) and day of week (0-6 or SUN-SAT), "
    "such as '30 6 * * MON-FRI', or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"
)
EVERY_REFUSED: Final = "@every is not taken here; use syncInterval with syncIntervalUnit, which fires as exactly"
ZONE_REFUSED: Final = "a cron line carries no time zone here; remove TZ= and write the zone into spec.timeZone"


def _field(numbers: str, names: tuple[str, ...] = ()) -> str:
    folded = "".join(f"|{''.join(f'[{letter}{letter.upper()}]' for letter in name)}" for name in names)
    value = rf"([+]?0*({numbers}){folded})"
    step = r"/[+]?0*[1-9][0-9]{0,17}"
    item = rf"([*?](-[^,/ \t\n\v\f\r]*)?|{value}(-{value})?)({step})?"
    return rf"(,*{item}(,+{item})*,*|,+)"


_SPACE: Final = r"[ \t\n\v\f\r]"
_FIELDS: Final = (
    _field("[0-5]?[0-9]"),
    _field("1?[0-9]|2[0-3]"),
    _field("[1-9]|[12][0-9]|3[01]"),
    _field("[1-9]|1[0-2]", MONTHS),
    _field("[0-6]", WEEKDAYS),
)
CRON_FORM: Final = f"^({'|'.join(DESCRIPTORS)}|{_SPACE}*{f'{_SPACE}+'.join(_FIELDS)}{_SPACE}*)$"
