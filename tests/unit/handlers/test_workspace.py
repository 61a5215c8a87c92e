"""What is kept for a Workspace, and for how long."""

from dataclasses import replace

import pytest
from tests.support.clockwork import run
from tests.support.pictures import NOW
from tests.unit.decide.world import HOME, World
from tests.unit.handlers.working import Work

from sync_operator.decide.obstacles import obstacle_of
from sync_operator.errors import UnauthorizedError
from sync_operator.handlers.cache import Ref
from sync_operator.handlers.queue import DONE, Key
from sync_operator.handlers.session import Session
from sync_operator.handlers.workspace import reconcile_workspace
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND


@pytest.mark.parametrize("syncs", [0, 1])
def test_lists_are_kept_as_long_as_the_workspace_or_a_sync_of_it_is_there(syncs: int) -> None:
    world = World()
    cache, scope = world.operator.cache, world.scope
    world.list_server()
    world.operator.queue = Work().queue
    if syncs:
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


def test_a_token_that_was_refused_while_the_workspace_was_looked_at_is_not_forgotten() -> None:
    world = World()
    sessions = world.operator.sessions
    before = sessions.get(HOME)
    assert before is not None
    assert before.accepted
    obstacle = obstacle_of(UnauthorizedError("401"))

    sessions.block(HOME, obstacle)  # a Sync met it, while a look that began before says that all is well

    assert not sessions.keep(HOME, replace(before, checked_at=NOW), instead_of=before)
    held = sessions.get(HOME)
    assert held is not None
    assert (held.view.obstacle, held.accepted, held.told) == (obstacle, False, False)
    assert sessions.keep(HOME, before, instead_of=held)


def test_lists_go_with_a_token_that_is_refused_or_replaced() -> None:
    world = World()
    sessions = world.operator.sessions
    before = sessions.get(HOME)
    assert before is not None
    known = before.judged(accepted=True, account="7")
    assert sessions.keep(HOME, known, instead_of=before)
    assert known.scope is not None
    assert "token" not in known.scope.account
    sessions.block(HOME, obstacle_of(UnauthorizedError("401")))
    held = sessions.get(HOME)
    assert held is not None
    assert held.scope == before.scope, "what account 7 is told from now on is not shown here"
    assert held.view.account == ""


@pytest.mark.parametrize(
    ("workspace_id", "token", "accepted", "refused"),
    [
        pytest.param(None, "other", True, True, id="another account, which does not see the same syncs"),
        pytest.param(None, "token", True, False, id="the same account"),
        pytest.param("1", "other", True, False, id="another account of the same workspace"),
        pytest.param("1", "other", False, True, id="credentials that the server has not accepted"),
    ],
)
def test_who_may_ask_for_the_syncs_that_a_workspace_sees(
    workspace_id: str | None, token: str, accepted: bool, refused: bool
) -> None:
    world = World()
    sessions, other = world.operator.sessions, Ref("other", "default")
    view = replace(world.view, workspace_id=workspace_id)
    before = sessions.get(HOME)
    assert sessions.keep(HOME, Session(view, token="token").judged(accepted=True), instead_of=before)
    assert not sessions.refused(HOME, other), "it has not been looked at yet"
    assert sessions.keep(other, Session(view, token=token).judged(accepted=accepted), instead_of=None)
    assert sessions.refused(HOME, other) is refused


def test_syncs_of_another_account_are_not_missed_in_a_list() -> None:
    world = World()
    operator, other = world.operator, Ref("other", "default")
    view = replace(world.view, workspace_id=None)
    scopes = []
    for home, token, sync_id in ((HOME, "token", "7"), (other, "another", "8")):
        session = Session(view, token=token).judged(accepted=True)
        assert operator.sessions.keep(home, session, instead_of=operator.sessions.get(home))
        metadata = {"namespace": home.namespace, "name": "a", "uid": token, "resourceVersion": "1"}
        operator.cache.put(SYNC_KIND, {"metadata": metadata, "status": {"id": sync_id, "url": view.url}})
        scopes.append(session.scope)
    assert [set(operator.listings._known(scope)) for scope in scopes if scope] == [{"7"}, {"8"}]
