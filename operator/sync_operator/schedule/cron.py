"""Cron lines in the dialect of the CronJob controller: what it accepts is accepted, what it refuses is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from sync_operator.api.rules.cron_pattern import (
    CRON_HELP,
    DESCRIPTORS,
    EVERY_NOT_SUPPORTED,
    MONTHS,
    WEEKDAYS,
    ZONE_NOT_SUPPORTED,
)

__all__ = ["CronLine", "parse_cron"]

_SPACE: Final = re.compile(r"[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
"""White space as Go defines it; Python's `str.split` splits at four more characters."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_MAX_INTEGER: Final = 2**63 - 1
_MAX_DAYS: Final = 31


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields: its name for messages, its bounds, and the names that stand for numbers."""

    name: str
    low: int
    high: int
    words: Mapping[str, int]


_FIELDS: Final = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {word: number for number, word in enumerate(MONTHS, 1)}),
    _Field("day of week", 0, 6, {word: number for number, word in enumerate(WEEKDAYS)}),
)


@dataclass(frozen=True, slots=True)
class CronLine:
    """A parsed cron line: the values that each field allows.

    Attributes:
        weekdays: 0 is Sunday.
        both_days: True if day of month and day of week must both match, because one of them is a star; otherwise one
            of the two is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool

    @property
    def empty(self) -> bool:
        """True if a field allows no value (``,``), so that the line never fires."""
        some_day = self.days and self.weekdays if self.both_days else self.days or self.weekdays
        return not (self.minutes and self.hours and self.months and some_day)

    @property
    def has_all_dates(self) -> bool:
        """True if neither month nor day of month matters, so that each week is like the others."""
        return len(self.months) == len(MONTHS) and len(self.days) == _MAX_DAYS

    def fits_day(self, day: date) -> bool:
        """True if a date's day of month and day of week match."""
        fits, weekday_fits = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (fits and weekday_fits) if self.both_days else (fits or weekday_fits)

    def fits_date(self, day: date) -> bool:
        """True if a date's month, day of month and day of week match."""
        return day.month in self.months and self.fits_day(day)


@lru_cache(maxsize=8192)
def parse_cron(line: str) -> CronLine:
    """Parse a cron line (API field ``cron_expression``) or one of the ``@`` names.

    Raises:
        ValueError: the CronJob controller would reject it, or we do (``@every``, ``TZ=``); says why.
    """
    if line.lstrip().lower().startswith("@every"):
        raise ValueError(EVERY_NOT_SUPPORTED)
    if "TZ" in line:
        raise ValueError(ZONE_NOT_SUPPORTED)
    if line.startswith("@"):
        if line not in DESCRIPTORS:
            raise ValueError(f"{line!r} is not known; {CRON_HELP}")
        line = DESCRIPTORS[line]
    texts = [text for text in _SPACE.split(line) if text]
    if len(texts) != len(_FIELDS):
        raise ValueError(f"has {len(texts)} fields instead of five; {CRON_HELP}")
    parsed = [_parse_field(text, number) for number, text in enumerate(texts)]
    minutes, hours, days, months, weekdays = (values for values, _ in parsed)
    return CronLine(minutes, hours, days, months, weekdays, both_days=parsed[2][1] or parsed[4][1])


@lru_cache(maxsize=2048)
def _parse_field(text: str, number: int) -> tuple[frozenset[int], bool]:
    """The values that a field allows, and whether it is a star. Empty items of a list are ignored.

    Cached, so that lines have the sets of equal fields in common.
    """
    field = _FIELDS[number]
    values: set[int] = set()
    star = False
    for item in text.split(","):
        if item:
            more, starred = _parse_item(item, field)
            values.update(more)
            star = star or starred
    return frozenset(values), star


def _parse_item(item: str, field: _Field) -> tuple[range, bool]:
    span, *steps = item.split("/")
    low, *highs = span.split("-")
    if len(steps) > 1:
        raise ValueError(f"{field.name} {item!r} has more than one slash; write it like */15 or 10-40/15")
    star = low in {"*", "?"}
    if star:
        first, last = field.low, field.high
    elif len(highs) > 1:
        raise ValueError(f"{field.name} {item!r} has more than one hyphen; write a range like 10-40")
    else:
        first = _number(low, item, field)
        last = _number(highs[0], item, field) if highs else first
    if steps:
        step = _integer(steps[0], item, field)
        if step == 0:
            raise ValueError(f"{field.name} {item!r} has a step of 0; write at least 1")
        last = last if highs else field.high
        return _values(first, last, step, item, field), star and step == 1
    return _values(first, last, 1, item, field), star


def _values(first: int, last: int, step: int, item: str, field: _Field) -> range:
    for value in (first, last):
        if not field.low <= value <= field.high:
            sunday = "; Sunday is 0 or SUN" if field.words.get("sun") == 0 else ""
            raise ValueError(f"{field.name} {item!r} is outside {field.low}-{field.high}{sunday}")
    if first > last:
        raise ValueError(
            f"{field.name} {item!r} runs backwards; write two ranges, such as {first}-{field.high},{field.low}-{last}"
        )
    return range(first, last + 1, step)


def _number(text: str, item: str, field: _Field) -> int:
    # Python lowercases the dotted capital I to two characters, Go to a plain i.
    word = field.words.get(text.replace("\u0130", "i").lower())
    return _integer(text, item, field) if word is None else word


def _integer(text: str, item: str, field: _Field) -> int:
    if not _INTEGER.fullmatch(text) or not 0 <= int(text) <= _MAX_INTEGER:
        words = f" or {min(field.words, key=field.words.__getitem__).upper()} …" if field.words else ""
        raise ValueError(f"{field.name} {item!r} is not understood; write numbers {field.low}-{field.high}{words}")
    return int(text)
