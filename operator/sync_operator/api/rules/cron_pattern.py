r"""The syntax of a cron expression, as far as a regular expression can check it.

The dialect is that of the CronJob controller's library. The pattern accepts all that Kubernetes accepts, exotic white
space apart. What it accepts and Kubernetes does not are ranges that run backwards (``5-1``) and steps over 2^63; the
schedule layer is exact.
"""

from typing import Final

__all__ = [
    "CRON_HELP",
    "CRON_PATTERN",
    "DESCRIPTORS",
    "EVERY_NOT_SUPPORTED",
    "MONTHS",
    "WEEKDAYS",
    "ZONE_NOT_SUPPORTED",
]

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
"""Descriptor → the cron expression it stands for; case-sensitive."""

CRON_HELP: Final = (
    "write minute (0-59), hour (0-23), day of month (1-31), month (1-12 or JAN-DEC) and day of week (0-6 or SUN-SAT), "
    "such as '30 6 * * MON-FRI', or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"
)
EVERY_NOT_SUPPORTED: Final = "cannot be @every; use syncInterval with syncIntervalUnit, which is as exact"
ZONE_NOT_SUPPORTED: Final = "cannot carry a time zone; remove TZ= and write the zone into timeZone"


def _any_case(word: str) -> str:
    """A pattern for the word in any letter case.

    Spelled out because ``(?i)`` also matches U+017F (long s) and not U+0130 (dotted capital I), unlike Go.
    """
    return "".join("[Ii\u0130]" if letter == "i" else f"[{letter.upper()}{letter}]" for letter in word)


def _field(numbers: str, words: tuple[str, ...] = ()) -> str:
    named = "".join(f"|{_any_case(word)}" for word in words)
    value = rf"([+]?0*({numbers}){named})"
    item = rf"([*?](-[^,/\s]*)?|{value}(-{value})?)(/[+]?0*[1-9][0-9]{{0,18}})?"
    return rf"(,*{item}(,+{item})*,*|,+)"


_FIELDS: Final = (
    _field("[0-5]?[0-9]"),
    _field("1?[0-9]|2[0-3]"),
    _field("[1-9]|[12][0-9]|3[01]"),
    _field("[1-9]|1[0-2]", MONTHS),
    _field("[0-6]", WEEKDAYS),
)
CRON_PATTERN: Final = rf"^({'|'.join(DESCRIPTORS)}|\s*{r'\s+'.join(_FIELDS)}\s*)$"
