"""Random schedules for comparison with Kubernetes, rather nasty than likely: lines, zones, and CronJobs at moments.

They come in batches, since a question to another process costs more than its answer.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Final

from hypothesis import strategies as st
from tests.support.cronlib import Moment

from sync_operator.api.rules.cron_pattern import DESCRIPTORS, MONTHS, WEEKDAYS
from sync_operator.schedule.timezones import load_zone

__all__ = ["BATCH", "lines", "moments", "zone_names"]

BATCH: Final = 25
"""Cases in what a strategy yields."""

_ZONES: Final = sorted(files("tzdata").joinpath("zones").read_text("utf-8").split())
_ODD_ZONES: Final = (
    "Africa/Cairo",  # midnight is skipped
    "Africa/Casablanca",  # summer time all the year but in Ramadan, by a table that ends in 2087
    "America/Caracas",  # moved by half an hour, twice
    "America/Havana",  # midnight comes twice
    "America/New_York",
    "America/Nuuk",  # changes the evening before
    "America/St_Johns",  # changed at one minute past midnight
    "Antarctica/Casey",  # moved by three hours, often
    "Antarctica/Troll",  # moves by two hours
    "Antarctica/Vostok",  # moved by seven hours
    "Asia/Gaza",
    "Asia/Tehran",  # a half hour's zone that skipped midnight
    "Australia/Lord_Howe",  # moves by half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # winter time is the exception, not summer time
    "Pacific/Apia",
    "Pacific/Chatham",  # 45 minutes off the hour
    "Pacific/Kiritimati",
)
_BEGIN: Final = {
    "Africa/Monrovia": 1973,
    "Kwajalein": 1994,
    "Pacific/Kwajalein": 1994,
    "Pacific/Enderbury": 1996,
    "Pacific/Kanton": 1996,
    "Pacific/Kiritimati": 1996,
    "Pacific/Apia": 2013,
    "Pacific/Fakaofo": 2013,
}
"""Years from which a zone can be asked about. A day was left out before, over which the library never steps, or the
zone was seconds off the minute, which makes a controller with a deadline miss every run."""

_WORDS: Final = (*MONTHS, *WEEKDAYS)
_NEAR_NUMBERS: Final = (
    *(
        "",
        "0",
        "00",
        "007",
        "+5",
        "+0",
        "++5",
        "-0",
        "-5",
        "5-",
        "1_0",
        "1.0",
        "0x1",
        "1e1",
        "\u0663",
        "²",
        "\uff19",
        "60",
        "99",
    ),
    *("*5", "5*", "**", "*?", "*-", "?-99", "*-x-y", "L", "15W", "1#2", "H", "R", "/", "5/", "*/1", "?/1", "*/-1"),
    *(str(2**63 - 1), str(2**63), f"1{'0' * 18}", f"{'0' * 30}9", f"*/{2**63 - 1}", f"*/{2**63}", f"1/1{'0' * 18}"),
    *("sunday", "su", "FR\u0130", "fr\u0131", "\u017fun", "\u017fEP", "ma\u0443", "JANUARY", "day"),
)
_SPACES: Final = (
    *(" ", "  ", "\t", "\n", "\v", "\f", "\r", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u180e", "\u2003", "\u2007"),
    *("\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"),
)
_NEAR_DESCRIPTORS: Final = (
    *("@", "@@daily", "@DAILY", "@Daily", "@daily ", " @daily", "@daily\n", "@reboot", "@minutely", "@ hourly"),
    *("@every 1h", "@every 90s", "@every 1d", "@every", "@every ", "@every  1h", "@every1h", " @every 1h", "@Every 1h"),
    *("@every -1m", "@every 0s", "@every 1h TZ=UTC", "@daily * * * *", "* * * * @daily"),
    *("TZ=UTC * * * * *", "CRON_TZ=UTC * * * * *", "TZ=UTC @daily", "TZ=UTC", "TZ=", "CRON_TZ=0", "tz=UTC * * * * *"),
    *("* * * * TZ", "*-TZ * * * *", "TZ=Mars/Base * * * * *", "", " ", "* * * *", "* * * * * *", "0 0 0 * * *"),
)
_NEAR_ZONES: Final = (
    *("", "Local", "local", "LOCAL", "utc", "Z", "+02:00", "UTC+2", "GMT+2", "EST5", "CEST", "Europe", "Europe/", "."),
    *("zone.tab", "tzdata.zi", "__init__.py", "Europe/__init__.py", "/etc/localtime", "../UTC", "Europe/../UTC"),
)
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_ALPHABET: Final = "0123456789*?/-,+ \t\v\xa0@LW#TZ=aAnNuU.:_\0é"


def _batches[T](make: Callable[[Random], T]) -> st.SearchStrategy[list[T]]:
    """Let Hypothesis choose a seed for many, not each part of each: a twentieth of the time for the same variety."""

    def batch(seed: int) -> list[T]:
        random = Random(seed)  # noqa: S311 - nothing secret
        return [make(random) for _ in range(BATCH)]

    return st.integers(0, 2**64).map(batch)


def lines() -> st.SearchStrategy[list[str]]:
    """Lines of which about half are cron lines; the others nearly are."""
    return _batches(_line)


def zone_names() -> st.SearchStrategy[list[str]]:
    """Names of which about half are those of time zones."""
    return _batches(_zone_name)


def moments() -> st.SearchStrategy[list[Moment]]:
    """CronJobs with lines that fire, mostly on a day on which clocks change, and mostly around that time."""
    return _batches(_moment)


def _line(random: Random) -> str:
    kind = random.randrange(20)
    if kind == 0:
        return random.choice((*DESCRIPTORS, *_NEAR_DESCRIPTORS))
    if kind == 1:
        return "".join(chr(random.randrange(random.choice((0x80, 0x250, 0xD800)))) for _ in range(random.randrange(20)))
    fields = [_field(random, low, high) for low, high in _BOUNDS]
    if kind == 2:
        random.shuffle(fields)
    if kind == 3:
        fields = random.choice((fields[:-1], [*fields, "*"]))
    space = random.choice(_SPACES) if kind < 8 else " "
    line = space.join(fields)
    if kind == 4:
        line = f"{random.choice(_SPACES)}{line}{random.choice(_SPACES)}"
    return _changed(random, line, _ALPHABET) if kind in {5, 9} else line


def _field(random: Random, low: int, high: int) -> str:
    if random.randrange(3):
        return _item(random, low, high)
    items = [_item(random, low, high) if random.randrange(6) else "" for _ in range(random.randint(1, 4))]
    return ",".join(items)


def _item(random: Random, low: int, high: int) -> str:
    kind = random.randrange(40)
    if kind == 0:
        return random.choice(_NEAR_NUMBERS)
    if kind == 1:
        return random.choice(_WORDS)
    span = random.choice("*?") if kind < 15 else _value(random, low, high)
    if kind > 30:
        span = "-".join(sorted((span, _value(random, low, high)), key=lambda text: (len(text), text)))
    return span if random.randrange(4) else f"{span}/{random.choice((1, random.randint(0, 70)))}"


def _value(random: Random, low: int, high: int) -> str:
    number = random.randint(low, high)
    match random.randrange(20):
        case 0:
            return f"{random.choice(('+', '0', '00', '+0'))}{number}"
        case 1:
            return str(number + random.choice((-1, 1, 7)))
        case 2 | 3 | 4 if high in {6, 12}:
            word = (WEEKDAYS if high == 6 else MONTHS)[number - low]
            return random.choice((word.upper(), word.title(), word))
        case _:
            return str(number)


def _changed(random: Random, text: str, alphabet: str) -> str:
    """With one character put in or exchanged."""
    place = random.randint(0, len(text))
    return text[:place] + random.choice(alphabet) + text[place + random.randrange(2) :]


def _zone_name(random: Random) -> str:
    name = random.choice(_ZONES)
    match random.randrange(10):
        case 0:
            return random.choice((name.lower(), name.upper(), f" {name}", f"{name}\n", f"/{name}", f"./{name}"))
        case 1:
            return random.choice(_NEAR_ZONES)
        case 2:
            return name.replace("/", random.choice(("//", "\\", "/../", "/./", "/-", "")))
        case 3 | 4:
            return _changed(random, name, _ALPHABET)
        case _:
            return name


def _moment(random: Random) -> Moment:
    zone = random.choice(_ODD_ZONES if random.randrange(4) else _ZONES)
    year = random.choice((random.randint(1970, 2040), random.randint(1970, 2099)))
    changes = _changes(zone, year)
    if changes and random.randrange(6):
        base = random.choice(changes)
    else:
        base = datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(365 * 1440))
    around = random.choice((-60, -30, 0, 30, 60, random.randint(-120, 120), random.randint(-4 * 1440, 1440)))
    seconds = random.choice((0, random.randrange(60)))
    anchor = max(base + timedelta(minutes=around, seconds=seconds), datetime(_BEGIN.get(zone, 1970), 1, 1, tzinfo=UTC))
    ahead = random.choice((0, 100, random.randrange(3_600_000), random.randrange(5 * 86_400_000), 90 * 86_400_000))
    deadline = random.choice((None, 30, 300, 300, 3600, 86_400, random.randrange(2_000_000)))
    local = base.astimezone(load_zone(zone))
    near = ((local.minute, 3), (local.hour, 4), (local.day, 12), (local.month, 15), (local.isoweekday() % 7, 15))
    fields = [
        "*" if random.randrange(20) < stars else _near(random, value, low, high)
        for (value, stars), (low, high) in zip(near, _BOUNDS, strict=True)
    ]
    return Moment(
        schedule=" ".join(fields),
        time_zone=zone,
        now=anchor + timedelta(milliseconds=ahead),
        created=anchor,
        last=random.choice((None, anchor)),
        deadline=None if deadline is None else timedelta(seconds=deadline),
    )


def _near(random: Random, value: int, low: int, high: int) -> str:
    """A field that allows a value, or one close to it."""
    one = min(high, max(low, value + random.choice((-1, 0, 0, 0, 1))))
    other = random.randint(low, high)
    first, last = sorted((one, other))
    return random.choice(
        (
            str(one),
            f"{one},{other}",
            f"{first}-{last}",
            f"{first}-{last}/{random.randint(1, 9)}",
            f"{one}/15",
            f"*/{random.randint(1, high)}",
        )
    )


@cache
def _changes(zone: str, year: int) -> tuple[datetime, ...]:
    """The moments of a year at which clocks change in a zone; the first after each change."""
    place = load_zone(zone)
    found = []
    step, start, end_of_year = (
        timedelta(days=21),
        datetime(year, 1, 1, tzinfo=UTC),
        datetime(year + 1, 1, 1, tzinfo=UTC),
    )
    while start < end_of_year:
        before, end = start.astimezone(place).utcoffset(), start + step
        if end.astimezone(place).utcoffset() != before:
            while end - start > timedelta(seconds=1):
                middle = start + (end - start) // timedelta(seconds=2) * timedelta(seconds=1)
                start, end = (middle, end) if middle.astimezone(place).utcoffset() == before else (start, middle)
            found.append(end)
        start = end
    return tuple(found)
