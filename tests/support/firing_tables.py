"""Days on which it is known when Kubernetes runs a line: held against this project and against Kubernetes.

Every difference that the random comparison ever found stands here.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from tests.support.cronlib import Moment

from sync_operator.schedule.timezones import load_zone

__all__ = ["FIRINGS", "Firing"]


class Firing(NamedTuple):
    """A cron line and when it fires.

    Attributes:
        start: creation of the CronJob: its local time.
        expected: local times; the day of the start's month, or in full.
        deadline: `startingDeadlineSeconds`.
        ahead: seconds from the creation to now.
    """

    name: str
    line: str
    zone: str
    start: str
    expected: tuple[str, ...]
    deadline: int | None = 300
    ahead: float = 0

    @property
    def moment(self) -> Moment:
        created = datetime.fromisoformat(self.start)
        if created.tzinfo is None:
            created = created.replace(tzinfo=load_zone(self.zone))
        return Moment(
            schedule=self.line,
            time_zone=self.zone,
            now=created.astimezone(UTC) + timedelta(seconds=self.ahead),
            created=created.astimezone(UTC),
            deadline=None if self.deadline is None else timedelta(seconds=self.deadline),
        )

    @property
    def runs(self) -> tuple[datetime, ...]:
        texts = (self.start[: 8 if text[2] == "T" else 0] + text for text in self.expected)
        return tuple(datetime.fromisoformat(text).astimezone(UTC) for text in texts)


FIRINGS: Final = (
    Firing(
        "a time that clocks leave out is skipped",
        *("30 2 * * *", "Europe/Berlin", "2026-03-28T23:30"),
        ("30T02:30+02:00", "31T02:30+02:00"),
    ),
    Firing(
        "a time that comes twice fires twice",
        *("30 2 * * *", "Europe/Berlin", "2026-10-24T23:30"),
        ("25T02:30+02:00", "25T02:30+01:00", "26T02:30+01:00"),
    ),
    Firing(
        "only the hour left out is skipped",
        *("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:30"),
        ("29T00:00+01:00", "29T04:00+02:00", "29T06:00+02:00"),
    ),
    Firing(
        "spring in New York",
        *("30 2 * * *", "America/New_York", "2026-03-07T23:30"),
        ("09T02:30-04:00", "10T02:30-04:00"),
    ),
    Firing(
        "autumn in New York",
        *("30 1 * * *", "America/New_York", "2026-10-31T23:30"),
        ("2026-11-01T01:30-04:00", "2026-11-01T01:30-05:00", "2026-11-02T01:30-05:00"),
    ),
    Firing(
        "winter is the exception in Dublin",
        *("30 1 * * *", "Europe/Dublin", "2026-10-24T23:30"),
        ("25T01:30+01:00", "25T01:30+00:00", "26T01:30+00:00"),
    ),
    Firing(
        "a midnight that is left out is skipped",
        *("0 0 * * *", "Africa/Cairo", "2026-04-22T23:30"),
        ("23T00:00+02:00", "25T00:00+03:00", "26T00:00+03:00"),
    ),
    Firing(
        "a day without midnight is skipped whole when days are counted",
        *("30 0 24 4 *", "Africa/Cairo", "2026-04-20T17:46"),
        ("2027-04-24T00:30+02:00",),
    ),
    Firing("the day after it is not", *("30 0 25 4 *", "Africa/Cairo", "2026-04-20T17:46"), ("25T00:30+03:00",)),
    Firing("a midnight that comes twice", *("15 0 30 10 *", "Africa/Cairo", "2026-10-17T23:30"), ("30T00:15+02:00",)),
    Firing(
        "counting days over a midnight left out, in the south",
        *("0 0 7 9 *", "America/Santiago", "2026-08-31T14:13"),
        ("2026-09-07T00:00-03:00",),
    ),
    Firing(
        "half an hour forward loses 3:00",
        *("0 3 * * *", "Australia/Lord_Howe", "2026-10-03T23:30"),
        ("05T03:00+11:00", "06T03:00+11:00"),
    ),
    Firing(
        "half an hour back loses the next midnight",
        *("0 0 * * *", "Australia/Lord_Howe", "2026-04-04T23:30"),
        ("05T00:00+11:00", "07T00:00+10:30"),
    ),
    Firing(
        "half an hour forward runs 1:30 again at 2:30",
        *("30 1 * * *", "Australia/Lord_Howe", "2026-10-03T23:30"),
        ("04T01:30+10:30", "04T02:30+11:00", "05T01:30+11:00"),
    ),
    Firing(
        "two hours at once",
        *("0 1,2 * * *", "Antarctica/Troll", "2026-03-28T23:30"),
        ("30T01:00+02:00", "30T02:00+02:00", "31T01:00+02:00"),
    ),
    Firing(
        "Ramadan in Casablanca",
        *("30 2 * * *", "Africa/Casablanca", "2026-02-14T12:00"),
        ("15T02:30+01:00", "15T02:30+00:00", "16T02:30+00:00"),
    ),
    Firing(
        "a deadline counts from another moment, which clocks have moved",
        *("0 2,7 12/15 * *", "America/Havana", "2022-03-12T23:00"),
        ("27T02:00-04:00", "27T07:00-04:00"),
        deadline=3600,
        ahead=51 * 60 + 41,
    ),
    Firing(
        "the same without a deadline",
        *("0 2,7 12/15 * *", "America/Havana", "2022-03-12T23:00"),
        ("13T02:00-04:00", "27T02:00-04:00", "27T07:00-04:00"),
        deadline=None,
        ahead=51 * 60 + 41,
    ),
    Firing(
        "a deadline loses a run of the hour that comes twice",
        *("1,19 1-22/6 * * *", "Antarctica/Troll", "2018-10-27T19:35"),
        ("28T01:01+02:00", "28T01:19+02:00", "28T01:19+00:00", "28T07:01+00:00"),
        ahead=330,
    ),
    Firing(
        "where the library steps back in time, the schedule is given up",
        *("45 3 * * *", "Pacific/Chatham", "2027-04-02T12:00"),
        ("03T03:45+13:45",),
    ),
    Firing(
        "and looking back the controller goes round in circles",
        *("*/13 3-15 */7 * 0-6/4", "Pacific/Chatham", "2085-04-01T02:45:59+12:45"),
        (),
        ahead=203.776,
    ),
    Firing(
        "a last time needs a next one: leap days before 2100",
        *("0 0 29 2 *", "Etc/UTC", "2091-01-01T00:00"),
        ("2092-02-29T00:00+00:00",),
    ),
    Firing("and later nothing is found", *("0 0 29 2 *", "Etc/UTC", "2097-01-01T00:00"), ()),
    Firing(
        "seconds off the minute: cut to minutes of real time",
        *("59 * * * *", "Africa/Monrovia", "1971-06-01T12:00:57"),
        ("01T13:59-00:44:30", "01T14:59-00:44:30"),
        deadline=None,
    ),
    Firing(
        "seconds off the minute: a minute that has begun is over",
        *("0-26 * * * *", "Africa/Monrovia", "1972-01-05T01:32:00"),
        ("05T02:01-00:44:30", "05T02:02-00:44:30"),
        deadline=None,
    ),
    Firing("no such date", *("0 0 31 2 *", "Etc/UTC", "2026-01-01T00:00"), ()),
    Firing("a field of nothing", *(", * * * *", "Etc/UTC", "2026-01-01T00:00"), ()),
    Firing("*/1 is a star", *("0 0 */1 * 1", "Etc/UTC", "2026-01-01T00:00"), ("05T00:00+00:00", "12T00:00+00:00")),
)
"""What the CronJob controller does with lines on days that are no ordinary ones."""
