"""Which Syncs wait for their turn before anything is found out about them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.manifests import sync_manifest

from sync_operator.handlers.cache import Cache, Ref
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DONE, Key
from sync_operator.handlers.sync import reconcile_sync
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND

KEY = Key(SYNC_KIND, "team", "orders")
IDENTITY = {"namespace": "team", "name": "orders", "uid": "u", "resourceVersion": "1", "generation": 2}


class Line:
    """Sessions of which one has a line, and none has been looked at."""

    def __init__(self) -> None:
        self.stands: list[tuple[Ref, Key]] = []

    def line_up(self, ref: Ref, key: Key, *, longest: float) -> bool:
        assert 0 < longest < 10, "longer than that, people are to be told"
        self.stands.append((ref, key))
        return True

    def get(self, _: Ref) -> None:
        """Nothing is known of the Workspace: the look at the Sync ends here."""


async def stands(metadata: dict[str, Any], status: dict[str, Any]) -> list[tuple[Ref, Key]]:
    """Who stands in the line after a reconcile of this Sync, which has nothing else to work with."""
    cache, line = Cache(), Line()
    cache.put(SYNC_KIND, sync_manifest("orders") | {"metadata": IDENTITY | metadata, "status": status})
    cache.put(WORKSPACE_KIND, {"metadata": IDENTITY | {"name": "default"}, "spec": {}})
    outcome = await reconcile_sync(cast("Operator", SimpleNamespace(cache=cache, sessions=line, released=set())), KEY)
    assert outcome is DONE
    return line.stands


@pytest.mark.parametrize("status", [{}, {"observedGeneration": -1}, {"observedGeneration": 1}])
async def test_a_new_sync_lines_up_before_it_is_looked_at(status: dict[str, Any]) -> None:
    assert await stands({}, status) == [(Ref("team", "default"), KEY)]


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        pytest.param({}, {"id": "7", "observedGeneration": 1}, id="registered: its schedule must not wait"),
        pytest.param({}, {"observedGeneration": 2}, id="told: it may stand still for a reason"),
        pytest.param({"deletionTimestamp": "2026-01-01T00:00:00Z"}, {}, id="deleted: it must not fire meanwhile"),
    ],
)
async def test_all_others_are_looked_at_first(metadata: dict[str, Any], status: dict[str, Any]) -> None:
    assert await stands(metadata, status) == []
