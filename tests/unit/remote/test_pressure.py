import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.remote.pressure import Budget, Circuit, Passage

TIMES = st.lists(st.floats(0, 90), max_size=60)


def busiest_minute(times: list[float]) -> int:
    return max((sum(start <= time < start + 60 for time in times) for start in times), default=0)


@given(per_minute=st.integers(1, 400).map(lambda limit: limit / 2), gaps=TIMES)
def test_no_minute_sees_more_calls_than_allowed(per_minute: float, gaps: list[float]) -> None:
    budget, now, made = Budget(per_minute, 0), 0.0, []
    for gap in gaps:
        now += gap
        while budget.available(now):
            budget.take(now)
            made.append(now)
    assert busiest_minute(made) <= math.ceil(per_minute)


@given(per_minute=st.integers(1, 400).map(lambda limit: limit / 2))
def test_who_waits_as_long_as_told_may_go(per_minute: float) -> None:
    budget, now = Budget(per_minute, 0), 0.0
    for _ in range(300):
        now += budget.seconds(1, now)
        assert budget.available(now) >= 1
        budget.take(now)
    assert now <= 60 * 300 / per_minute / 0.8


def test_a_new_limit_holds_from_now_on() -> None:
    budget = Budget(60, 0)
    budget.limit(10, 60)
    assert budget.available(60) == 2
    budget.limit(600, 60)
    assert budget.available(60) == 2
    assert budget.available(61) == 10
    assert budget.available(60.5) == 10  # a clock that goes back changes nothing


def test_all_of_the_first_minute_may_go_out_at_once_and_then_none_within_it() -> None:
    budget = Budget(50, 0)
    for _ in range(50):
        assert budget.seconds(1, 0) == 0
        budget.take(0)

    assert budget.available(0) == budget.available(59) == 0
    assert 60 < 59 + budget.seconds(1, 59) < 62
    assert budget.available(62) == 1


def test_the_longer_the_first_minute_has_gone_on_the_fewer_may_go_out_at_once() -> None:
    assert [Budget(50, 0).available(now) for now in (0, 15, 30, 45, 60, 3600)] == [50, 40, 30, 20, 10, 10]


def test_a_budget_that_takes_over_from_another_begins_with_no_more_than_that_one_had_left() -> None:
    budget = Budget(50, 0)
    budget.cut(3, 0)

    assert budget.available(0) == 3


class Server:
    """Calls made to a server behind a circuit, at times of the test's choice."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.circuit = Circuit(lambda: jitter)
        self.made: list[tuple[float, Passage]] = []

    def call(self, now: float, *, works: bool) -> Passage | None:
        passage = self.circuit.pass_through(now)
        if passage is not None:
            self.made.append((now, passage))
            if works:
                self.circuit.succeeded(passage)
            else:
                self.circuit.failed(passage, now)
        return passage


def test_three_failures_in_a_row_open_it_and_one_probe_goes_out_at_once() -> None:
    server = Server()
    for works in (False, False, True, False, False):
        server.call(0, works=works)
    assert server.circuit.closed
    server.call(0, works=False)
    assert server.circuit.due(0)
    assert server.circuit.pass_through(0) is Passage.PROBE
    assert server.circuit.pass_through(0) is None
    assert not server.circuit.stopped(0)
    server.circuit.succeeded(Passage.PROBE)
    assert server.circuit.closed


def test_pauses_double_up_to_a_minute() -> None:
    server, now = Server(), 0.0
    while len(server.made) < 14:
        server.call(now, works=False)
        now += server.circuit.seconds(now)
    times = [time for time, _ in server.made[3:]]
    assert [after - before for before, after in pairwise(times)] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert server.circuit.stopped(now)
    server.circuit.succeeded(Passage.CALL)
    for _ in range(3):
        server.call(now, works=False)
    assert not server.circuit.stopped(now)


@given(jitter=st.floats(0, 1), step=st.floats(0.01, 1))
def test_a_dead_server_is_asked_a_handful_of_times_a_minute(jitter: float, step: float) -> None:
    server = Server(jitter)
    for tick in range(int(600 / step) if step > 0.1 else 6000):
        server.call(tick * step, works=False)
    assert busiest_minute([time for time, _ in server.made]) <= 12
    assert all(passage is Passage.PROBE for _, passage in server.made[3:])


def test_a_server_that_only_answers_probes_is_asked_less_and_less() -> None:
    server, now = Server(), 0.0
    while now < 600:
        server.call(now, works=not server.circuit.closed)
        now += 0.1
    late = [time for time, _ in server.made if time > 300]
    assert busiest_minute(late) <= 8


def test_an_ordinary_success_forgets_the_trouble() -> None:
    server = Server()
    for _ in range(8):
        server.call(server.circuit.seconds(0), works=False)
    server.call(1000, works=True)
    server.call(1000, works=True)
    for _ in range(3):
        server.call(1000, works=False)
    assert server.circuit.due(1000)


@pytest.mark.parametrize(("wish", "seconds"), [(7.0, 7.0), (0.0, 0.0), (1e9, 3600.0), (None, 4.0)])
def test_a_429_is_waited_for(wish: float | None, seconds: float) -> None:
    circuit = Circuit(lambda: 1.0)
    circuit.asked_to_wait(Passage.CALL, 0, wish)
    assert circuit.throttled
    assert circuit.seconds(0) == seconds
    assert circuit.stopped(0) == (seconds > 60)
    assert circuit.pass_through(seconds) is Passage.PROBE


def test_late_answers_do_not_shorten_a_pause() -> None:
    circuit = Circuit(lambda: 1.0)
    circuit.asked_to_wait(Passage.CALL, 0, 20)
    circuit.succeeded(Passage.CALL)
    circuit.failed(Passage.CALL, 1)
    assert circuit.seconds(1) == 19
    circuit.asked_to_wait(Passage.CALL, 1, 30)
    assert circuit.seconds(1) == 30
    circuit.asked_to_wait(Passage.CALL, 1)
    assert circuit.seconds(1) == 30


def test_a_late_success_ends_an_outage() -> None:
    server = Server()
    for _ in range(3):
        server.call(0, works=False)
    server.circuit.succeeded(Passage.CALL)
    assert server.circuit.closed


def test_a_probe_that_is_throttled_or_fails_with_a_wish_waits_as_told() -> None:
    circuit = Circuit(lambda: 1.0)
    circuit.asked_to_wait(Passage.CALL, 0, 1)
    assert circuit.pass_through(1) is Passage.PROBE
    circuit.asked_to_wait(Passage.PROBE, 1, 30)
    assert circuit.seconds(1) == 30
    assert circuit.stopped(1)
    assert circuit.pass_through(31) is Passage.PROBE
    circuit.failed(Passage.PROBE, 31, 45)
    assert not circuit.throttled
    assert circuit.seconds(31) == 45
