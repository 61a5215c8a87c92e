"""What is kept for a Workspace, and for how long."""

import pytest
from tests.support.clockwork import run
from tests.unit.decide.world import HOME, World
from tests.unit.handlers.working import Work

from sync_operator.handlers.queue import DONE, Key
from sync_operator.handlers.workspace import reconcile_workspace
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND


@pytest.mark.parametrize("syncs", [0, 1])
def test_lists_are_kept_as_long_as_the_workspace_or_a_sync_of_it_is_there(syncs: int) -> None:
    world = World()
    cache, scope = world.operator.cache, world.scope
    world.list_server()
    if syncs:
        world.operator.queue = Work().queue
        cache.put(
            SYNC_KIND, {"metadata": {"namespace": HOME.namespace, "name": "a", "uid": "a", "resourceVersion": "1"}}
        )
    home = cache.get(WORKSPACE_KIND, HOME)
    assert home is not None
    assert world.operator.listings.seen(scope, "1") == (None, True)
    assert world.operator.names.seen(scope)

    cache.drop(WORKSPACE_KIND, home)
    assert run(reconcile_workspace(world.operator, Key(WORKSPACE_KIND, *HOME))) == DONE

    assert world.operator.listings.seen(scope, "1") == (None, bool(syncs))
    assert bool(world.operator.names.seen(scope)) == bool(syncs)
