"""What is kept for a Workspace, and for how long."""

from dataclasses import replace

import pytest
from tests.support.clockwork import run
from tests.support.snapshots import NOW
from tests.unit.controller.working import Work
from tests.unit.domain.world import HOME, World

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.workqueue.workqueue import DONE, Key
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.controller.workspace.workspace_reconciler import reconcile_workspace
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.errors import UnauthorizedError


@pytest.mark.parametrize("syncs", [0, 1])
def test_lists_are_kept_as_long_as_the_workspace_or_a_sync_of_it_is_there(syncs: int) -> None:
    world = World()
    store, scope = world.context.store, world.scope
    world.list_server()
    world.context.queue = Work().queue
    if syncs:
        store.put(
            SYNC_KIND, {"metadata": {"namespace": HOME.namespace, "name": "a", "uid": "a", "resourceVersion": "1"}}
        )
    home = store.get(WORKSPACE_KIND, HOME)
    assert home is not None
    assert world.context.syncs.lists.last_seen(scope, "1") == (None, True)
    assert world.context.name_lists.cached(scope)

    store.drop(WORKSPACE_KIND, home)
    assert run(reconcile_workspace(world.context, Key(WORKSPACE_KIND, *HOME))) == DONE

    assert world.context.syncs.lists.last_seen(scope, "1") == (None, bool(syncs))
    assert bool(world.context.name_lists.cached(scope)) == bool(syncs)


def test_a_token_that_was_refused_while_the_workspace_was_looked_at_is_not_forgotten() -> None:
    world = World()
    connections = world.context.connections
    before = connections.get(HOME)
    assert before is not None
    assert before.accepted
    blocker = classify_error(UnauthorizedError("401"))

    connections.mark_blocked(HOME, blocker)  # a Sync met it, while a look that began before says that all is well

    assert not connections.replace(HOME, replace(before, checked_at=NOW), instead_of=before)
    held = connections.get(HOME)
    assert held is not None
    assert (held.view.blocker, held.accepted, held.dependents_notified) == (blocker, False, False)
    assert connections.replace(HOME, before, instead_of=held)


def test_lists_go_with_a_token_that_is_refused_or_replaced() -> None:
    world = World()
    connections = world.context.connections
    before = connections.get(HOME)
    assert before is not None
    known = before.with_verdict(accepted=True, account="7")
    assert connections.replace(HOME, known, instead_of=before)
    assert known.scope is not None
    assert "token" not in known.scope.account
    connections.mark_blocked(HOME, classify_error(UnauthorizedError("401")))
    held = connections.get(HOME)
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
    connections, other = world.context.connections, NamespacedName("other", "default")
    view = replace(world.view, workspace_id=workspace_id)
    before = connections.get(HOME)
    assert connections.replace(
        HOME, WorkspaceConnection(view, token="token").with_verdict(accepted=True), instead_of=before
    )
    assert not connections.may_not_claim(HOME, other), "it has not been looked at yet"
    assert connections.replace(
        other, WorkspaceConnection(view, token=token).with_verdict(accepted=accepted), instead_of=None
    )
    assert connections.may_not_claim(HOME, other) is refused


def test_syncs_of_another_account_are_not_missed_in_a_list() -> None:
    world = World()
    context, other = world.context, NamespacedName("other", "default")
    view = replace(world.view, workspace_id=None)
    scopes = []
    for home, token, sync_id in ((HOME, "token", "7"), (other, "another", "8")):
        session = WorkspaceConnection(view, token=token).with_verdict(accepted=True)
        assert context.connections.replace(home, session, instead_of=context.connections.get(home))
        metadata = {"namespace": home.namespace, "name": "a", "uid": token, "resourceVersion": "1"}
        context.store.put(SYNC_KIND, {"metadata": metadata, "status": {"id": sync_id, "url": view.url}})
        scopes.append(session.scope)
    assert [set(context.syncs.lists._registered_ids(scope)) for scope in scopes if scope] == [{"7"}, {"8"}]
