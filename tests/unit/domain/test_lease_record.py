"""Who may take a Lease, by one's own clock only, and for how long its holder acts."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.domain.lease_record import (
    LeaseTimes,
    LeaseView,
    ObservedRecord,
    acquire_record,
    can_acquire,
    is_valid,
    observe_record,
    release_record,
)

TIMES: Final = LeaseTimes()
HELD: Final = LeaseView(holder="other", seconds=15, renewed="10:00:00", transitions=3, version="7")
RENEWED: Final = replace(HELD, renewed="10:00:02", version="8")
LABELLED: Final = replace(HELD, version="8")
RELEASED: Final = replace(HELD, holder="", seconds=1, version="8")
OURS: Final = replace(HELD, holder="me", version="8")


def test_the_times_leave_room_between_the_end_of_one_and_the_begin_of_the_next() -> None:
    assert (TIMES.duration, TIMES.deadline, TIMES.retry) == (15, 10, 2)


def test_where_there_never_was_one_it_is_made_at_once() -> None:
    seen = observe_record(None, None, 100)

    assert can_acquire(seen, "me", 100)
    assert acquire_record(seen, "me", "now", TIMES) == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "now",
        "renewTime": "now",
        "leaseTransitions": 0,
    }


def test_one_that_is_held_is_left_alone_for_its_duration_from_when_we_saw_it() -> None:
    # However old its times are: they are by another machine's clock.
    seen = observe_record(None, HELD, 100)

    assert not can_acquire(seen, "me", 115)
    assert can_acquire(seen, "me", 115.1)
    assert acquire_record(seen, "me", "now", TIMES)["leaseTransitions"] == 4


def test_the_duration_is_the_holders() -> None:
    seen = observe_record(None, replace(HELD, seconds=60), 100)

    assert not can_acquire(seen, "me", 159)
    assert can_acquire(seen, "me", 161)


def test_a_renewal_makes_us_wait_anew_and_a_label_does_not() -> None:
    seen = observe_record(None, HELD, 100)

    assert observe_record(seen, RENEWED, 102) == ObservedRecord(RENEWED, 102, there=True)
    labelled = observe_record(seen, LABELLED, 102)
    assert (labelled.since, labelled.lease and labelled.lease.version) == (100, "8")


def test_one_that_was_released_is_taken_at_once() -> None:
    seen = observe_record(observe_record(None, HELD, 100), RELEASED, 102)

    assert can_acquire(seen, "me", 102)
    assert acquire_record(seen, "me", "now", TIMES)["leaseTransitions"] == 4


def test_deleting_it_does_not_end_its_holders_time() -> None:
    seen = observe_record(observe_record(None, HELD, 100), None, 102)

    assert seen == ObservedRecord(HELD, 100, there=False)
    assert not can_acquire(seen, "me", 115)
    assert can_acquire(seen, "me", 116)
    assert observe_record(seen, HELD, 103) == ObservedRecord(HELD, 100, there=True)


def test_ours_whose_answer_was_lost_does_not_change_hands_again() -> None:
    seen = observe_record(None, OURS, 100)

    assert can_acquire(seen, "me", 100)
    assert acquire_record(seen, "me", "now", TIMES)["leaseTransitions"] == 3


def test_a_release_names_nobody() -> None:
    assert release_record("now") == {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": "now"}


@pytest.mark.parametrize(
    ("confirmed_at", "now", "held"), [(None, 100, False), (100, 100, True), (100, 109.9, True), (100, 110, False)]
)
def test_its_holder_acts_until_the_deadline(confirmed_at: float | None, now: float, held: bool) -> None:
    assert is_valid(confirmed_at, now, TIMES) is held


@given(st.floats(0, 1000), st.floats(0, 60), st.floats(0, 60), st.floats(0, 10))
def test_nobody_can_take_it_while_its_holder_acts(asked: float, way: float, wait: float, back: float) -> None:
    """The holder counts from before it asked, the other one from after it saw: whatever ways take."""
    seen = observe_record(None, HELD, asked + way + back)
    now = asked + way + back + wait

    assert not (is_valid(asked, now, TIMES) and can_acquire(seen, "me", now))
