"""A client whose calls go through a traffic with a clock that only the test moves."""

from collections.abc import Hashable

from tests.support.gates import make_gate
from tests.support.hosts import LOCAL
from tests.support.served import Served
from tests.support.timers import FakeTimers

from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect

__all__ = ["GateRig"]


class GateRig:
    """All of it, for one sandbox."""

    def __init__(self, api: Served, requests_per_minute: int = 100_000, *, now: float = 1000.0) -> None:
        self.api = api
        self.time = FakeTimers(now)
        self.woken: list[Hashable] = []
        self.pool = PoolManager(LOCAL)
        self.gate = make_gate(self.time, self.woken.append, requests_per_minute)
        endpoint = Endpoint(api.url, "1", Dialect.MULTIWOVEN, timeout_seconds=5)
        self.client = ApiClient(endpoint, token=lambda: "good", pool=self.pool, gate=self.gate)
