import re

import pytest
from tests.support.cron_tables import ACCEPTED, EVERY, REFUSED

from sync_operator.api.rules.cron_pattern import CRON_PATTERN
from sync_operator.schedule.cron import parse_cron


@pytest.mark.parametrize("line", ACCEPTED)
def test_what_kubernetes_takes_is_taken_here_and_by_the_crd(line: str) -> None:
    parse_cron(line)
    assert re.fullmatch(CRON_PATTERN, line)


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_what_kubernetes_refuses_is_refused_with_a_reason(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_cron(line)


@pytest.mark.parametrize("line", EVERY)
def test_every_is_refused_with_the_way_out(line: str) -> None:
    with pytest.raises(ValueError, match="use syncInterval with syncIntervalUnit"):
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
