"""A client whose calls go through a traffic with a clock that only the test moves."""

from collections.abc import Hashable

from tests.support.hosts import LOCAL
from tests.support.served import Served
from tests.support.timers import FakeTimers

from sync_operator.remote.client import ApiClient, Endpoint
from sync_operator.remote.connections import HttpPool
from sync_operator.remote.traffic import Traffic
from sync_operator.remote.types import Dialect

__all__ = ["TrafficRig"]


class TrafficRig:
    """All of it, for one sandbox."""

    def __init__(self, api: Served, requests_per_minute: int = 100_000, *, now: float = 1000.0) -> None:
        self.api = api
        self.time = FakeTimers(now)
        self.woken: list[Hashable] = []
        self.pool = HttpPool(LOCAL)
        self.traffic = Traffic(
            "server",
            requests_per_minute,
            most_inside=8,
            clock=self.time,
            later=self.time.later,
            wake=self.woken.append,
            jitter=lambda: 1.0,
        )
        endpoint = Endpoint(api.url, "1", Dialect.MULTIWOVEN, timeout_seconds=5)
        self.client = ApiClient(endpoint, token=lambda: "good", pool=self.pool, traffic=self.traffic)
