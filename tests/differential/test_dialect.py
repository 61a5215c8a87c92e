"""Cron lines and time zones: taken exactly when the API server takes a CronJob with them."""

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Final

from hypothesis import given
from tests.support.cron_cases import lines, zone_names
from tests.support.cron_tables import ACCEPTED, EVERY, REFUSED, ZONES_ACCEPTED, ZONES_REFUSED
from tests.support.cronlib import CronLib
from tests.support.many import many

from sync_operator.api.rules.cron_pattern import CRON_PATTERN, EVERY_NOT_SUPPORTED
from sync_operator.schedule.cron import parse_cron
from sync_operator.schedule.timezones import load_zone, validate_zone

_EXOTIC_SPACE: Final = re.compile(r"[\v\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


def refusal(check: Callable[[str], object], text: str) -> str | None:
    try:
        check(text)
    except ValueError as error:
        return str(error)
    return None


def taken(cronlib: CronLib, cron_lines: list[str]) -> list[bool]:
    answers = cronlib.refusals((line, "Etc/UTC") for line in cron_lines)
    return ["spec.schedule" not in refused for refused in answers]


def zones_taken(cronlib: CronLib, names: list[str]) -> list[bool]:
    return ["spec.timeZone" not in refused for refused in cronlib.refusals(("@daily", name) for name in names)]


def test_the_tables_say_what_the_api_server_says(cronlib: CronLib) -> None:
    table = [*ACCEPTED, *EVERY, *(line for line, _ in REFUSED)]

    answers = dict(zip(table, taken(cronlib, table), strict=True))

    assert answers == {line: line in {*ACCEPTED, *EVERY} for line in table}


@many(10_000)
@given(lines())
def test_a_line_is_taken_exactly_when_the_api_server_takes_it(cronlib: CronLib, batch: list[str]) -> None:
    for line, accepted in zip(batch, taken(cronlib, batch), strict=True):
        words = refusal(parse_cron, line)
        if accepted and line.startswith("@every"):
            assert words == EVERY_NOT_SUPPORTED
        else:
            assert (words is None) is accepted, f"{line!r}: the API server takes it: {accepted}; we say: {words}"


@many(10_000)
@given(lines())
def test_the_crd_refuses_no_line_that_the_api_server_takes(cronlib: CronLib, batch: list[str]) -> None:
    passed = cronlib.matches(CRON_PATTERN, batch)

    for line, accepted, passes in zip(batch, taken(cronlib, batch), passed, strict=True):
        if accepted and not line.startswith("@every") and not _EXOTIC_SPACE.search(line):
            assert passes, f"{line!r} is refused by the CRD, and taken by the API server"
        if passes and not accepted and "TZ" not in line:
            words = refusal(parse_cron, line) or ""
            assert "runs backwards" in words or str(2**63) in words, f"{line!r} is passed by the CRD: {words}"


def test_the_crd_judges_the_tables_as_kubernetes_does(cronlib: CronLib) -> None:
    refused = [line for line, _ in REFUSED]
    passed = {line for line, passes in zip(refused, cronlib.matches(CRON_PATTERN, refused), strict=True) if passes}

    assert all(cronlib.matches(CRON_PATTERN, ACCEPTED))
    assert passed == {"5-1 * * * *", "* 22-4 * * *", "0 0 * * FRI-MON", f"*/{2**63} * * * *", "*-TZ * * * *"}


def test_all_time_zones_are_taken_by_both(cronlib: CronLib) -> None:
    names = files("tzdata").joinpath("zones").read_text("utf-8").split()

    assert len(names) > 500
    assert all(zones_taken(cronlib, names))
    for name in names:
        validate_zone(name)
        load_zone(name)


def test_the_tables_of_zones_say_what_the_api_server_says(cronlib: CronLib) -> None:
    assert zones_taken(cronlib, list(ZONES_ACCEPTED)) == [True] * len(ZONES_ACCEPTED)
    assert zones_taken(cronlib, list(ZONES_REFUSED)) == [False] * len(ZONES_REFUSED)


@many(500)
@given(zone_names())
def test_a_zone_is_taken_exactly_when_the_api_server_takes_it(cronlib: CronLib, batch: list[str]) -> None:
    for name, accepted in zip(batch, zones_taken(cronlib, batch), strict=True):
        words = refusal(validate_zone, name)
        assert (words is None) is accepted, f"{name!r}: the API server takes it: {accepted}; we say: {words}"
