"""Condition ``Compared``: what is said of comparisons, when it is written, and which events it makes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import NOW, connected

from sync_operator.api.constants import SYNC_KIND
from sync_operator.api.statuses.status import WorkspaceStatus
from sync_operator.domain.status.compared_condition import CompareMethod, Comparison, comparison_changed
from sync_operator.domain.status.workspace_status import workspace_events, workspace_status

PERIOD = timedelta(seconds=300)
DUE = Comparison(PERIOD, NOW)
WHOLE = replace(DUE, completed_at=NOW, message=f"all its Syncs{CompareMethod.BY_LIST}")
BROKEN = replace(WHOLE, message=f"its Syncs{CompareMethod.BUT_FOR_ROWS}GET /syncs is refused for row 17")
SINGLY = replace(WHOLE, message=f"its Syncs{CompareMethod.ONE_BY_ONE}400")


def status(
    comparison: Comparison | None,
    before: WorkspaceStatus | None = None,
    *,
    after: float = 0,
    suspended: bool = False,
    syncs: int = 1,
) -> WorkspaceStatus:
    return workspace_status(
        connected(suspended=suspended),
        before or WorkspaceStatus(),
        user=None,
        dependents={SYNC_KIND: syncs},
        generation=1,
        now=NOW + timedelta(seconds=after),
        comparison=comparison,
    )


def told(written: WorkspaceStatus) -> tuple[str, str, str] | None:
    found = [entry for entry in written.conditions if entry.type == "Compared"]
    return (found[0].status, found[0].reason, found[0].message) if found else None


def events(before: WorkspaceStatus, after: WorkspaceStatus) -> list[tuple[str, bool]]:
    return [(notice.reason, notice.warning) for notice in workspace_events(before, after)]


def test_nothing_is_said_before_there_was_a_comparison_and_where_there_is_nothing_to_compare() -> None:
    assert told(status(None)) is None
    assert told(status(DUE, after=899)) is None
    assert told(status(WHOLE, suspended=True)) is None
    assert status(None, status(WHOLE)).last_compared_at == NOW, "the time stays"


def test_a_whole_comparison_is_said_without_an_event() -> None:
    before = status(DUE)
    after = status(WHOLE, before)
    assert comparison_changed(WHOLE, before, NOW)
    assert told(after) == ("True", "Reconciled", WHOLE.message)
    assert after.last_compared_at == NOW
    assert events(before, after) == []


def test_the_time_alone_is_written_once_an_hour() -> None:
    before = status(WHOLE)
    for minutes, news in ((5, False), (59, False), (60, True)):
        later = replace(WHOLE, completed_at=NOW + timedelta(minutes=minutes))
        now = NOW + timedelta(minutes=minutes)
        assert comparison_changed(later, before, now) is news
        assert (status(later, before, after=minutes * 60) != before) is news
    other = status(replace(WHOLE, completed_at=NOW + PERIOD), before, after=300, syncs=2)
    assert other.last_compared_at == NOW + PERIOD, "written with what is written anyway"


@pytest.mark.parametrize("comparison", [DUE, WHOLE])
def test_after_three_periods_without_one_it_is_false_with_the_reason(
    comparison: Comparison, messages: Messages
) -> None:
    before = status(comparison)
    comparison = replace(comparison, failure="GET /syncs: the answer was lost")
    assert not comparison_changed(comparison, before, NOW + 3 * PERIOD)
    assert comparison_changed(comparison, before, NOW + 3.1 * PERIOD)
    after = status(comparison, before, after=930)
    found = told(after)
    assert found is not None
    assert found[:2] == ("False", "CompareFailed")
    messages.text("CompareFailed", found[2])
    assert events(before, after) == [("CompareFailed", True)]

    other = replace(comparison, failure="other words for the same")
    assert not comparison_changed(other, after, NOW + 5 * PERIOD)
    assert status(other, after, after=1500) == after

    healed = replace(WHOLE, completed_at=NOW + 5 * PERIOD)
    assert comparison_changed(healed, after, NOW + 5 * PERIOD)
    assert events(after, status(healed, after, after=1500)) == [("Reconciled", False)]


def test_a_restart_changes_nothing() -> None:
    for before in (status(WHOLE), status(replace(DUE, failure="lost"), after=1000), status(SINGLY)):
        begun = replace(DUE, due_from=NOW + timedelta(days=1))
        assert not comparison_changed(begun, before, begun.due_from)
        assert status(begun, before, after=86400) == before
        assert status(None, before, after=86400) == before, "before the first look, too"


def test_nothing_is_said_any_more_once_the_last_sync_is_gone() -> None:
    before = status(WHOLE)
    assert told(status(WHOLE, before, syncs=0)) is None
    assert told(status(None, before, syncs=0)) is None


@pytest.mark.parametrize("other", [BROKEN, SINGLY])
def test_another_way_of_comparing_is_told_once(other: Comparison) -> None:
    before = status(WHOLE)
    after = status(other, before)
    assert comparison_changed(other, before, NOW)
    assert told(after) == ("True", "Reconciled", other.message)
    assert events(before, after) == [("CompareFailed", True)]
    assert events(WorkspaceStatus(), after) == [("Reconciled", False), ("CompareFailed", True)]

    again = replace(other, message=other.message + " in other words")
    assert not comparison_changed(again, after, NOW)
    assert events(after, status(WHOLE, after)) == [("Reconciled", False)]
