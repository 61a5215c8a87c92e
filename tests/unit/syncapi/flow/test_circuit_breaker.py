import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.syncapi.flow.circuit_breaker import CircuitBreaker, RequestKind
from sync_operator.syncapi.flow.token_bucket import TokenBucket

TIMES = st.lists(st.floats(0, 90), max_size=60)


def busiest_minute(times: list[float]) -> int:
    return max((sum(start <= time < start + 60 for time in times) for start in times), default=0)


@given(per_minute=st.integers(1, 400).map(lambda limit: limit / 2), gaps=TIMES)
def test_no_minute_sees_more_calls_than_allowed(per_minute: float, gaps: list[float]) -> None:
    budget, now, made = TokenBucket(per_minute, 0), 0.0, []
    for gap in gaps:
        now += gap
        while budget.available(now):
            budget.consume(now)
            made.append(now)
    assert busiest_minute(made) <= math.ceil(per_minute)


@given(per_minute=st.integers(1, 400).map(lambda limit: limit / 2))
def test_who_waits_as_long_as_told_may_go(per_minute: float) -> None:
    budget, now = TokenBucket(per_minute, 0), 0.0
    for _ in range(300):
        now += budget.time_until_available(1, now)
        assert budget.available(now) >= 1
        budget.consume(now)
    assert now <= 60 * 300 / per_minute / 0.8


def test_a_new_limit_holds_from_now_on() -> None:
    budget = TokenBucket(60, 0)
    budget.set_rate(10, 60)
    assert budget.available(60) == 2
    budget.set_rate(600, 60)
    assert budget.available(60) == 2
    assert budget.available(61) == 10
    assert budget.available(60.5) == 10  # a clock that goes back changes nothing


def test_all_of_the_first_minute_may_go_out_at_once_and_then_none_within_it() -> None:
    budget = TokenBucket(50, 0)
    for _ in range(50):
        assert budget.time_until_available(1, 0) == 0
        budget.consume(0)

    assert budget.available(0) == budget.available(59) == 0
    assert 60 < 59 + budget.time_until_available(1, 59) < 62
    assert budget.available(62) == 1


def test_the_longer_the_first_minute_has_gone_on_the_fewer_may_go_out_at_once() -> None:
    assert [TokenBucket(50, 0).available(now) for now in (0, 15, 30, 45, 60, 3600)] == [50, 40, 30, 20, 10, 10]


def test_a_budget_that_takes_over_from_another_begins_with_no_more_than_that_one_had_left() -> None:
    budget = TokenBucket(50, 0)
    budget.limit_burst(3, 0)

    assert budget.available(0) == 3


class Server:
    """Calls made to a server behind a circuit, at times of the test's choice."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.circuit = CircuitBreaker(lambda: jitter)
        self.made: list[tuple[float, RequestKind]] = []

    def call(self, now: float, *, works: bool) -> RequestKind | None:
        kind = self.circuit.try_acquire(now)
        if kind is not None:
            self.made.append((now, kind))
            if works:
                self.circuit.record_success(kind)
            else:
                self.circuit.record_failure(kind, now)
        return kind


def test_three_failures_in_a_row_open_it_and_one_probe_goes_out_at_once() -> None:
    server = Server()
    for works in (False, False, True, False, False):
        server.call(0, works=works)
    assert server.circuit.closed
    server.call(0, works=False)
    assert server.circuit.half_open_ready(0)
    assert server.circuit.try_acquire(0) is RequestKind.HALF_OPEN_TRIAL
    assert server.circuit.try_acquire(0) is None
    assert not server.circuit.has_tripped(0)
    server.circuit.record_success(RequestKind.HALF_OPEN_TRIAL)
    assert server.circuit.closed


def test_pauses_double_up_to_a_minute() -> None:
    server, now = Server(), 0.0
    while len(server.made) < 28:
        server.call(now, works=False)
        now += server.circuit.retry_after(now)
    times = [time for time, _ in server.made[3:]]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == [1, 2, 4, *[8] * 15, 16, 32, 60, 60, 60, 60]
    assert server.circuit.has_tripped(now)
    server.circuit.record_success(RequestKind.NORMAL)
    for _ in range(3):
        server.call(now, works=False)
    assert not server.circuit.has_tripped(now)


@given(jitter=st.floats(0, 1), step=st.floats(0.01, 1))
def test_a_dead_server_is_asked_a_handful_of_times_a_minute(jitter: float, step: float) -> None:
    server = Server(jitter)
    for tick in range(int(600 / step) if step > 0.1 else 6000):
        server.call(tick * step, works=False)
    times = [time for time, _ in server.made]
    assert busiest_minute(times) <= 21, "the first minute, with the shortest pause each time"
    assert busiest_minute([time for time in times if time > 120]) <= 5
    assert all(kind is RequestKind.HALF_OPEN_TRIAL for _, kind in server.made[3:])


@given(jitter=st.floats(0, 1), outage=st.floats(0, 60))
def test_after_an_outage_of_a_minute_the_server_is_asked_again_within_seconds(jitter: float, outage: float) -> None:
    server, now = Server(jitter), 0.0
    while now < outage:
        server.call(now, works=False)
        now += server.circuit.retry_after(now)

    assert now - outage <= 8


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
        server.call(server.circuit.retry_after(0), works=False)
    server.call(1000, works=True)
    server.call(1000, works=True)
    for _ in range(3):
        server.call(1000, works=False)
    assert server.circuit.half_open_ready(1000)


@pytest.mark.parametrize(("retry_after", "seconds"), [(7.0, 7.0), (0.0, 0.0), (1e9, 3600.0), (None, 4.0)])
def test_a_429_is_waited_for(retry_after: float | None, seconds: float) -> None:
    circuit = CircuitBreaker(lambda: 1.0)
    circuit.record_throttled(RequestKind.NORMAL, 0, retry_after)
    assert circuit.throttled
    assert circuit.retry_after(0) == seconds
    assert circuit.has_tripped(0) == (seconds > 60)
    assert circuit.try_acquire(seconds) is RequestKind.HALF_OPEN_TRIAL


def test_late_answers_do_not_shorten_a_pause() -> None:
    circuit = CircuitBreaker(lambda: 1.0)
    circuit.record_throttled(RequestKind.NORMAL, 0, 20)
    circuit.record_success(RequestKind.NORMAL)
    circuit.record_failure(RequestKind.NORMAL, 1)
    assert circuit.retry_after(1) == 19
    circuit.record_throttled(RequestKind.NORMAL, 1, 30)
    assert circuit.retry_after(1) == 30
    circuit.record_throttled(RequestKind.NORMAL, 1)
    assert circuit.retry_after(1) == 30


def test_a_late_success_ends_an_outage() -> None:
    server = Server()
    for _ in range(3):
        server.call(0, works=False)
    server.circuit.record_success(RequestKind.NORMAL)
    assert server.circuit.closed


def test_a_probe_that_is_throttled_or_fails_with_a_wish_waits_as_told() -> None:
    circuit = CircuitBreaker(lambda: 1.0)
    circuit.record_throttled(RequestKind.NORMAL, 0, 1)
    assert circuit.try_acquire(1) is RequestKind.HALF_OPEN_TRIAL
    circuit.record_throttled(RequestKind.HALF_OPEN_TRIAL, 1, 30)
    assert circuit.retry_after(1) == 30
    assert circuit.has_tripped(1)
    assert circuit.try_acquire(31) is RequestKind.HALF_OPEN_TRIAL
    circuit.record_failure(RequestKind.HALF_OPEN_TRIAL, 31, 45)
    assert not circuit.throttled
    assert circuit.retry_after(31) == 45
