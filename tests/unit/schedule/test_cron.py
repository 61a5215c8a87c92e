import re

import pytest

from sync_operator.model.cronform import CRON_FORM, DESCRIPTORS
from sync_operator.schedule.cron import parse_cron

ACCEPTED = [
    "* * * * *",
    "? ? ? ? ?",
    "5, * * * *",
    "5,,6 * * * *",
    ",7 * * * *",
    ", * * * *",
    "+5 * * * *",
    "005 * * * *",
    "* * * * SUN",
    "0 0 1 JAN *",
    "0 0 * * mon-fri",
    "0 0 * * fri,SAT",
    "0 0 * jan-mar *",
    "*/90 * * * *",
    "0/15 * * * *",
    "7-59/15 * * * *",
    "0 0 ? * *",
    "*-99 * * * *",
    " 0  6 * * * ",
    "0\t6 * *\n*",
    "0 0 31 2 *",
    "0 0 */1 * 1",
    *DESCRIPTORS,
]
REFUSED = [
    ("* * * * 7", "day of week '7' is outside 0-6; Sunday is 0 or SUN"),
    ("* * * * 0-7", "outside 0-6"),
    ("5-1 * * * *", "runs backwards; write two ranges, such as 5-59,0-1"),
    ("* 22-4 * * *", "such as 22-23,0-4"),
    ("0 0 * * FRI-MON", "such as 5-6,0-1"),
    ("0 0 L * *", "day of month 'L' is not understood"),
    ("0 0 15W * *", "not understood"),
    ("0 0 * * 1#2", "not understood"),
    ("0 0 * * sunday", "write numbers 0-6 or SUN"),
    ("* * * * * 30", "has 6 fields instead of five"),
    ("0 0 0 * * *", "has 6 fields"),
    ("0 0 * *", "has 4 fields"),
    ("", "has 0 fields"),
    ("@DAILY", "'@DAILY' is not known"),
    ("@reboot", "not known"),
    ("@daily ", "not known"),
    (" @daily", "has 1 fields"),
    ("*/0 * * * *", "a step of 0"),
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
    ("99999999999999999999 * * * *", "not understood"),
    ("*\u001c* * * *", "has 4 fields"),
]


@pytest.mark.parametrize("line", ACCEPTED)
def test_what_kubernetes_takes_is_taken_here_and_by_the_crd(line: str) -> None:
    parse_cron(line)
    assert re.fullmatch(CRON_FORM, line)


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_what_kubernetes_refuses_is_refused_with_a_reason(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_cron(line)


@pytest.mark.parametrize("line", [line for line, words in REFUSED if line.isprintable() and "-" not in line])
def test_what_is_refused_here_is_refused_by_the_crd(line: str) -> None:
    assert not re.fullmatch(CRON_FORM, line)


@pytest.mark.parametrize("line", ["@every 1h", "@Every 1h", " @every 1h"])
def test_every_is_refused_with_the_way_out(line: str) -> None:
    with pytest.raises(ValueError, match="use syncInterval with syncIntervalUnit"):
        parse_cron(line)


@pytest.mark.parametrize("line", ["TZ=UTC 0 6 * * *", "CRON_TZ=UTC 0 6 * * *", "*-TZ * * * *"])
def test_time_zones_in_a_line_are_refused_with_the_way_out(line: str) -> None:
    with pytest.raises(ValueError, match="write the zone into timeZone"):
        parse_cron(line)


def test_fields_become_the_values_they_allow() -> None:
    line = parse_cron("7/20,1-3 */8 1,31 FEB-apr mon")

    assert line.minutes == {1, 2, 3, 7, 27, 47}
    assert line.hours == {0, 8, 16}
    assert line.days == {1, 31}
    assert line.months == {2, 3, 4}
    assert line.weekdays == {1}
    assert not line.both_days


@pytest.mark.parametrize(
    ("line", "both"),
    [
        ("0 0 * * 1", True),
        ("0 0 ? * 1", True),
        ("0 0 */1 * 1", True),
        ("0 0 */2 * 1", False),
        ("0 0 1 * *", True),
        ("0 0 1 * 1", False),
        ("0 0 1-31 * 1", False),
    ],
)
def test_day_and_weekday_are_both_needed_only_beside_a_star(line: str, both: bool) -> None:
    assert parse_cron(line).both_days is both


@pytest.mark.parametrize(
    ("line", "empty"),
    [(", * * * *", True), ("0 , * * *", True), ("0 0 , * 1", False), ("0 0 , * *", True), ("0 0 , * ,", True)],
)
def test_a_line_with_a_field_of_nothing_never_fires(line: str, empty: bool) -> None:
    assert parse_cron(line).empty is empty
