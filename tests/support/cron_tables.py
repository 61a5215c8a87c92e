"""Lines and zones of which it is known whether Kubernetes takes them: held against this project and against Kubernetes.

Every difference that the random comparison ever found stands here.
"""

from typing import Final

from sync_operator.api.rules.cron_pattern import DESCRIPTORS

__all__ = ["ACCEPTED", "EVERY", "REFUSED", "ZONES_ACCEPTED", "ZONES_REFUSED"]

ACCEPTED: Final = (
    "* * * * *",
    "? ? ? ? ?",
    "5, * * * *",
    "5,,6 * * * *",
    ",7 * * * *",
    ", * * * *",
    "+5 * * * *",
    "005 * * * *",
    "1-+5 * * * *",
    "* * * * SUN",
    "0 0 1 JAN *",
    "0 0 * * mon-fri",
    "0 0 * * fri,SAT",
    "0 0 * jan-mar *",
    "0 0 * * FR\u0130",  # Go lowers the dotted capital I to a plain i
    "*/90 * * * *",
    f"*/{10**18} * * * *",
    f"*/{2**63 - 1} * * * *",
    "0/15 * * * *",
    "7-59/15 * * * *",
    "0 0 ? * *",
    "*-99 * * * *",
    "*-x-y * * * *",
    " 0  6 * * * ",
    "0\t6 * *\n*",
    "0 0 31 2 *",
    "0 0 */1 * 1",
    *DESCRIPTORS,
)
"""Lines that Kubernetes takes, and so do we."""

REFUSED: Final = (
    ("* * * * 7", "day of week '7' is outside 0-6; Sunday is 0 or SUN"),
    ("* * * * 0-7", "outside 0-6"),
    ("5-1 * * * *", "runs backwards; write two ranges, such as 5-59,0-1"),
    ("* 22-4 * * *", "such as 22-23,0-4"),
    ("0 0 * * FRI-MON", "such as 5-6,0-1"),
    ("0 0 L * *", "day of month 'L' is not understood"),
    ("0 0 15W * *", "not understood"),
    ("0 0 * * 1#2", "not understood"),
    ("0 0 * * sunday", "write numbers 0-6 or SUN"),
    ("0 0 * * \u017fun", "not understood"),  # the long s: only a regular expression takes it for an s
    ("* * * * * 30", "has 6 fields instead of five"),
    ("0 0 0 * * *", "has 6 fields"),
    ("0 0 * *", "has 4 fields"),
    ("", "has 0 fields"),
    ("@DAILY", "'@DAILY' is not known"),
    ("@reboot", "not known"),
    ("@daily ", "not known"),
    (" @daily", "has 1 fields"),
    ("*/0 * * * *", "a step of 0"),
    ("*/-0 * * * *", "a step of 0"),
    ("*/-2 * * * *", "not understood"),
    ("*/ * * * *", "not understood"),
    ("*/1/2 * * * *", "more than one slash"),
    ("1-2-3 * * * *", "more than one hyphen"),
    ("60 * * * *", "minute '60' is outside 0-59"),
    ("0 24 * * *", "hour '24' is outside 0-23"),
    ("0 0 0 * *", "day of month '0' is outside 1-31"),
    ("0 0 * 13 *", "month '13' is outside 1-12"),
    ("R * * * *", "not understood"),
    ("H * * * *", "not understood"),
    ("\u0663 * * * *", "not understood"),
    ("1_0 * * * *", "not understood"),
    (f"*/{2**63} * * * *", "not understood"),
    ("99999999999999999999 * * * *", "not understood"),
    ("*\u001c* * * *", "has 4 fields"),
    ("*\u200b* * * *", "has 4 fields"),
    ("TZ=UTC 0 6 * * *", "write the zone into timeZone"),
    ("CRON_TZ=UTC 0 6 * * *", "write the zone into timeZone"),
    ("TZ=", "write the zone into timeZone"),
    ("*-TZ * * * *", "write the zone into timeZone"),
    ("@Every 1h", "use syncInterval with syncIntervalUnit"),
    (" @every 1h", "use syncInterval with syncIntervalUnit"),
    ("@every 1d", "use syncInterval with syncIntervalUnit"),
)
"""Lines that Kubernetes refuses, and so do we: with these words."""

EVERY: Final = ("@every 1h", "@every 90s", "@every 1h30m", "@every 0s", "@every -1m")
"""Lines that Kubernetes takes and we refuse: the interval fields say the same."""

ZONES_ACCEPTED: Final = (
    "Etc/UTC",
    "UTC",
    "Europe/Berlin",
    "Etc/GMT+2",
    "EST",
    "CET",
    "America/Argentina/ComodRivadavia",
)
ZONES_REFUSED: Final = (
    *(
        "",
        "Local",
        "Mars/Base",
        "UTC+2",
        "utc",
        "europe/berlin",
        "Z",
        "+02:00",
        " UTC",
        "UTC\n",
        "Europe",
        "../etc/passwd",
    ),
    *("Europe//Berlin", "/UTC", "Etc/./UTC", "zone.tab", "tzdata.zi", "__init__.py"),
)
