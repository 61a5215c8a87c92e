"""Whose unresolved creates concern a Sync that looks for its own."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from tests.support.clockwork import run
from tests.support.manifests import sync_manifest, workspace_manifest
from tests.support.snapshots import BORN, MAPPING, NOW, marked, pictured, stored, synced
from tests.unit.domain.world import HOME, World

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import FINALIZER, SYNC_KIND, WORKSPACE_KIND
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.registration import other_creates
from sync_operator.controller.registration.other_creates import unresolved_creates
from sync_operator.controller.registration.reconcile_loop import act
from sync_operator.controller.sync.sync_reconciler import SYNC_STEPS
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.actions import CancelAndDeleteSync, ServerAction
from sync_operator.domain.blocker import Phase
from sync_operator.domain.create_fence.candidates import lost_creates
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.registration_actions import AdoptCreated, ListRemotes
from sync_operator.domain.snapshot import Snapshot
from sync_operator.errors import TransientError

THERE: Final = NamespacedName("other", "default")


@pytest.fixture
def world() -> World:
    return World()


def looking(**spec: Any) -> Snapshot:
    return pictured(synced(metadata=marked(NOW), **spec))


def put(world: World, name: str = "twin", home: NamespacedName = HOME, **changes: Any) -> None:
    """Keep a Sync with an unresolved create; some changes are of its metadata and status."""
    status = changes.pop("status", {})
    deleting = {"deletionTimestamp": NOW.isoformat()} if changes.pop("deleting", False) else {}
    metadata = {
        "namespace": home.namespace,
        "uid": name,
        "resourceVersion": "1",
        "generation": changes.pop("generation", 1),
        "creationTimestamp": BORN.isoformat(),
        **deleting,
        **changes.pop("metadata", marked(NOW)),
    }
    manifest = sync_manifest(name, **{"configuration": MAPPING} | changes)
    manifest["metadata"] |= metadata
    world.context.store.put(SYNC_KIND, manifest | {"status": status})


def connect(world: World, *, accepted: bool = True, **changes: Any) -> None:
    """Another namespace has a Workspace, with a token of its own."""
    view = replace(world.view, **changes)
    spec = {"url": view.url} | ({"workspaceId": view.workspace_id} if view.workspace_id else {})
    manifest = workspace_manifest("default", **spec)
    manifest["metadata"] |= {"namespace": THERE.namespace, "uid": "there", "resourceVersion": "1"}
    world.context.store.put(WORKSPACE_KIND, manifest)
    client: Any = world.clients[world.view.url]
    session = WorkspaceConnection(view, client, token="other").with_verdict(accepted=accepted)
    assert world.context.connections.replace(THERE, session, instead_of=None)


def found(world: World, **spec: Any) -> list[str]:
    return [create.uid for create in unresolved_creates(world.context, looking(**spec))]


def test_a_create_of_the_same_workspace_and_body_concerns_a_sync(world: World) -> None:
    put(world)
    put(world, "deleted", deleting=True)

    first, second = unresolved_creates(world.context, looking())

    assert (first.uid, first.deleting, first.holder) == ("deleted", True, "team/deleted")
    assert (second.fields, second.complete, second.sent) == (desired_body(looking()), True, False)
    assert second.until == NOW + timedelta(seconds=30), "what an earlier process has sent is settled by then"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"streamName": "elsewhere"}, id="another stream"),
        pytest.param({"modelId": 99}, id="another model"),
        pytest.param({"externalId": "7"}, id="one that asks for an id"),
        pytest.param({"status": {"id": "7"}}, id="one that is registered"),
        pytest.param({"metadata": {"finalizers": [FINALIZER]}}, id="nothing announced"),
        pytest.param({"metadata": marked(NOW, finalizers=["others/f"]), "deleting": True}, id="one that was let go"),
        pytest.param({"home": THERE}, id="a namespace without a Workspace"),
    ],
)
def test_others_do_not(world: World, changes: dict[str, Any]) -> None:
    put(world, **changes)

    assert found(world) == []


def test_what_this_process_knows_of_it_counts(world: World) -> None:
    fence = world.context.syncs.create_fence
    for name in ("unsent", "made", "reserved", "released"):
        put(world, name)
    put(world, "edited", streamName="by now another")
    fence.intent_recorded("unsent", NOW, fresh=True)
    fence.succeeded("made", world.view.remote_workspace, stored(pictured()))
    fence.reserve("reserved", world.view.remote_workspace, "8")
    world.context.finalizer_removed.add("released")
    fence.indeterminate("edited", desired_body(looking()), NOW, None)

    [create] = unresolved_creates(world.context, looking())

    assert (create.uid, create.sent, create.until) == ("edited", True, NOW)
    assert fence.claimed(world.view.remote_workspace, exclude="orders") == {"7", "8"}


@pytest.mark.parametrize(
    ("changes", "concerns"),
    [
        pytest.param({}, True, id="another token of the same workspace"),
        pytest.param({"accepted": False}, False, id="a token that does not work"),
        pytest.param({"url": "https://elsewhere.example.com"}, False, id="another server"),
        pytest.param({"workspace_id": "2"}, False, id="another workspace"),
    ],
)
def test_another_namespace_counts_if_it_sees_the_same_syncs(
    world: World, changes: dict[str, Any], *, concerns: bool
) -> None:
    connect(world, **changes)
    put(world, home=THERE)

    assert found(world) == (["twin"] if concerns else [])


def test_accounts_without_a_workspace_id_are_apart(world: World) -> None:
    world.view = replace(world.view, workspace_id=None)
    world.tell_workspace()
    connect(world)
    put(world, home=THERE)
    put(world, "near")

    snapshot = replace(looking(), workspace=world.view)
    assert [create.uid for create in unresolved_creates(world.context, snapshot)] == ["near"]


def test_what_this_process_has_sent_went_there_though_its_token_works_no_more(world: World) -> None:
    connect(world, accepted=False)
    put(world, home=THERE)
    world.context.syncs.create_fence.indeterminate("twin", desired_body(looking()), NOW, None)

    assert found(world) == ["twin"]


def test_an_edited_spec_is_known_in_part(world: World) -> None:
    put(world, generation=2, syncMode="incremental")

    [create] = unresolved_creates(world.context, looking())

    assert not create.complete
    assert "sync_mode" not in create.fields


def test_only_so_many_are_compared_those_being_deleted_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_creates, "MAX_UNRESOLVED", 2)
    put(world, "third")
    put(world, "second", metadata=marked(BORN))
    put(world, "first", deleting=True)

    assert found(world) == ["first", "second"]


# The one more look, right before a sync that was found is taken or deleted.


@pytest.mark.parametrize(
    "action", [AdoptCreated(stored(pictured()), (), adopted=False), CancelAndDeleteSync("7")], ids=["taken", "deleted"]
)
@pytest.mark.parametrize("how", ["registered", "asked for", "made", "reserved"])
def test_nothing_is_taken_or_deleted_that_another_sync_has_by_now(world: World, action: ServerAction, how: str) -> None:
    place, fence = world.view.remote_workspace, world.context.syncs.create_fence
    if how == "registered":
        put(world, status={"id": "7", "url": world.view.url, "workspaceId": "1"})
    elif how == "asked for":
        put(world, externalId="7")
    elif how == "made":
        fence.succeeded("twin", place, stored(pictured()))
    else:
        fence.reserve("twin", place, "7")

    with pytest.raises(TransientError, match="sync 7 was taken by another Sync"):
        run(act(SYNC_STEPS, world.context, looking(), action))

    assert world.server.writes == []
    assert fence.unpersisted("uid-orders", place) is None


def test_a_sync_that_is_registered_by_another_url_of_the_server_is_not_deleted(world: World) -> None:
    world.server.create(desired_body(looking()))
    alias = {"id": "1", "url": "https://alias.example.com", "workspaceId": "1"}
    put(world, "holder", status=alias | {"registeredAt": rfc3339(NOW)})

    after = run(act(SYNC_STEPS, world.context, looking(), ListRemotes(Phase.DELETION)))

    assert after.claimed == {"1"}
    assert lost_creates(after) == ()
