"""A request gate on timers of the test, without jitter."""

from collections.abc import Callable, Hashable

from tests.support.timers import FakeTimers

from sync_operator.syncapi.flow.request_gate import RequestGate

__all__ = ["make_gate"]


def make_gate(
    time: FakeTimers,
    wake: Callable[[Hashable], None],
    requests_per_minute: int = 100_000,
    *,
    server: str = "server",
    max_concurrency: int = 8,
) -> RequestGate:
    """A gate whose time passes only in `FakeTimers.advance`."""
    return RequestGate(
        server,
        requests_per_minute,
        max_concurrency=max_concurrency,
        clock=time,
        later=time.later,
        wake=wake,
        jitter=lambda: 1.0,
    )
