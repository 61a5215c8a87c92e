"""Which Syncs wait for their turn before anything is found out about them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.manifests import sync_manifest

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import NamespacedName, Store
from sync_operator.controller.sync.sync_reconciler import reconcile_sync
from sync_operator.controller.workqueue.workqueue import DONE, Key

KEY = Key(SYNC_KIND, "team", "orders")
IDENTITY = {"namespace": "team", "name": "orders", "uid": "u", "resourceVersion": "1", "generation": 2}


class Gate:
    """A gate where every key has to wait for a moment."""

    def __init__(self) -> None:
        self.waiting: list[Key] = []

    def try_enqueue(self, key: Key, *, deadline: float) -> bool:
        assert 0 < deadline < 10, "longer than that, people are to be told"
        self.waiting.append(key)
        return True


class Connections:
    """Knows the route of one Workspace, and no connection: the look at the Sync ends there."""

    def __init__(self) -> None:
        self.gate = Gate()

    def route(self, ref: NamespacedName) -> SimpleNamespace:
        assert ref == NamespacedName("team", "default")
        return SimpleNamespace(gate=self.gate, gates=())

    def get(self, _: NamespacedName) -> None:
        """Nothing is known of the Workspace."""


async def waiting(metadata: dict[str, Any], status: dict[str, Any]) -> list[Key]:
    """Which keys wait after a reconcile of this Sync, which has nothing else to work with."""
    store, connections = Store(), Connections()
    store.put(SYNC_KIND, sync_manifest("orders") | {"metadata": IDENTITY | metadata, "status": status})
    store.put(WORKSPACE_KIND, {"metadata": IDENTITY | {"name": "default"}, "spec": {}})
    context = SimpleNamespace(store=store, connections=connections, finalizer_removed=set())
    outcome = await reconcile_sync(cast("ControllerContext", context), KEY)
    assert outcome is DONE
    return connections.gate.waiting


@pytest.mark.parametrize("status", [{}, {"observedGeneration": -1}, {"observedGeneration": 1}])
async def test_a_new_sync_lines_up_before_it_is_looked_at(status: dict[str, Any]) -> None:
    assert await waiting({}, status) == [KEY]


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        pytest.param({}, {"id": "7", "observedGeneration": 1}, id="registered: its schedule must not wait"),
        pytest.param({}, {"observedGeneration": 2}, id="told: it may stand still for a reason"),
        pytest.param({"deletionTimestamp": "2026-01-01T00:00:00Z"}, {}, id="deleted: it must not fire meanwhile"),
    ],
)
async def test_all_others_are_looked_at_first(metadata: dict[str, Any], status: dict[str, Any]) -> None:
    assert await waiting(metadata, status) == []
