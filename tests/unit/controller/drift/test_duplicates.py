"""What a list shows beside a Sync's own: told, and deleted only where one more look shows that it is ours alone."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast

import pytest
from tests.support.clockwork import run
from tests.support.snapshots import NOW, marked, pictured, registered, stored, synced
from tests.unit.domain.world import HOME, World

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import CREATE_LOST_ANNOTATION, CREATE_STARTED_ANNOTATION, SYNC_KIND
from sync_operator.controller.drift import duplicates
from sync_operator.controller.drift.duplicates import delete_duplicate, find_duplicates
from sync_operator.controller.drift.remote_lists import CachedList
from sync_operator.controller.informer.store import NamespacedName
from sync_operator.controller.workspace.workspace_connection import WorkspaceConnection
from sync_operator.domain.registration.resource_snapshot import Duplicate
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.error_classification import classify_error
from sync_operator.errors import NotFoundError, SyncOperatorError, TransientError, UnauthorizedError
from sync_operator.syncapi.types import RemoteSync

MARKED: Final = NOW - timedelta(minutes=20)
LOST: Final = NOW - timedelta(minutes=15)
CREATING: Final = {CREATE_STARTED_ANNOTATION: f"{NOW.isoformat()}/process"}
"""Annotations of a Sync whose create is under way or lost."""
MADE: Final = LOST + timedelta(minutes=1)
"""When the first of two creates was carried out."""
OWN: Final = "7"
OTHER: Final = NamespacedName("other", "default")


class Server:
    """Shows one sync, and the runs of it; notes what is deleted."""

    def __init__(self, held: RemoteSync, *, runs: int = 0, fails: SyncOperatorError | None = None) -> None:
        self.deleted: list[str] = []
        self._held = held
        self._runs = runs
        self._fails = fails

    @property
    def syncs(self) -> "Server":
        return self

    async def get(self, _: str) -> RemoteSync:
        if self._fails is not None:
            raise self._fails
        return self._held

    async def list_runs(self, _: str, *, limit: int) -> list[int]:
        return list(range(self._runs))[:limit]

    async def delete(self, sync_id: str) -> None:
        self.deleted.append(sync_id)


def repeated(**changes: Any) -> Snapshot:
    """A Sync with a sync of its own, made by the second of two creates."""
    metadata = marked(MARKED)
    metadata["annotations"][CREATE_LOST_ANNOTATION] = LOST.isoformat()
    sync = synced(status=registered(OWN, registered_at=LOST), metadata=metadata)
    seen = replace(stored(pictured(), OWN), created_at=LOST)
    return pictured(sync, **{"registered": True, "was_in_sync": True, "last_listed": seen} | changes)


def late(sync_id: str = "9", **changes: Any) -> RemoteSync:
    """What the first one has made, minutes after it was given up."""
    return replace(stored(pictured(), sync_id), **{"created_at": MADE, "updated_at": MADE} | changes)


def listed(*syncs: RemoteSync) -> CachedList[RemoteSync]:
    found = CachedList[RemoteSync](NOW)
    run(found.add(syncs))
    return found


def look(world: World, *syncs: RemoteSync, snapshot: Snapshot | None = None) -> list[tuple[str, bool]]:
    """The duplicates that a list shows of a Sync, with whether they are ours for certain."""
    watched = snapshot or repeated()
    found = listed(replace(stored(pictured(), OWN), created_at=LOST), *syncs)
    run(find_duplicates(world.context, HOME, world.scope, found, [watched]))
    return [(entry.remote.id, entry.certain) for entry in world.context.syncs.duplicates[watched.sync.uid]]


def put(world: World, name: str, home: NamespacedName = HOME, **changes: Any) -> None:
    """Keep a Sync that is not watched; some changes are of its metadata."""
    metadata = {
        "namespace": home.namespace,
        "name": name,
        "uid": name,
        "resourceVersion": "1",
        "generation": changes.pop("generation", 1),
        "creationTimestamp": MARKED.isoformat(),
        "annotations": changes.pop("annotations", {}),
    }
    spec = {"streamName": "contacts"} | changes.pop("spec", {})
    world.context.store.put(SYNC_KIND, {"metadata": metadata, "spec": spec, "status": changes.pop("status", {})})


@pytest.fixture
def world() -> World:
    found = World()
    put(found, "orders", status={"id": OWN, "url": found.view.url, "workspaceId": "1"})
    return found


def test_what_belongs_to_a_sync_is_no_duplicate_of_another(world: World) -> None:
    put(world, "holder", status={"id": "9", "url": world.view.url, "workspaceId": "1"})
    put(world, "asks", spec={"externalId": "0010"})

    assert look(world, late("9"), late("10"), late("11")) == [("11", True)]


def test_who_asks_for_an_id_without_working_credentials_holds_none(world: World) -> None:
    session = WorkspaceConnection(replace(world.view), token="wrong").with_verdict(accepted=False)
    assert world.context.connections.replace(OTHER, session, instead_of=None)
    put(world, "squatter", OTHER, spec={"externalId": "9"})

    assert look(world, late("9")) == [("9", True)]


def test_only_so_many_are_compared_and_the_youngest_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_UNCLAIMED", 2)

    assert look(world, late("9"), late("10"), late("100")) == [("10", True), ("100", True)]


def test_one_that_comes_up_while_another_create_is_under_way_is_told_later(world: World) -> None:
    put(world, "second", annotations=CREATING)

    assert look(world, late("9")) == [], "it may be that one's"

    world.context.syncs.duplicates["uid-orders"] = (Duplicate(late("9"), certain=True),)
    assert look(world, late("9"), late("10")) == [("9", False)], "what was told before stays, but is not deleted"


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        pytest.param({"spec": {"streamName": "orders"}}, False, id="of another stream"),
        pytest.param({"spec": {"streamName": "orders"}, "generation": 2}, True, id="of another stream by now"),
        pytest.param({"status": {"id": "5"}}, False, id="one that is registered"),
        pytest.param({"annotations": {}}, False, id="one whose create was not announced"),
        pytest.param({"home": OTHER}, False, id="in a Workspace that nothing is known of"),
    ],
)
def test_which_creates_are_waited_for(world: World, changes: dict[str, Any], *, waits: bool) -> None:
    put(world, "second", **{"annotations": CREATING} | changes)

    assert bool(look(world, late("9"))) is not waits


def test_a_sync_is_woken_for_what_is_news_and_for_the_end_of_what_it_tells(world: World) -> None:
    context, watched = world.context, repeated()

    def woken(*syncs: RemoteSync) -> list[str]:
        found = run(find_duplicates(context, HOME, world.scope, listed(*syncs), [watched]))
        return [sync.name for sync in found]

    assert woken() == []
    assert woken(late("9")) == ["orders"]
    assert woken(late("9")) == [], "it was told"
    assert woken() == ["orders"]
    assert run(find_duplicates(context, HOME, world.scope, listed(late("9")), [])) == []


# The one more look, before something is deleted.


def deleted(world: World, server: Server, twin: RemoteSync | None = None) -> tuple[list[str], list[tuple[str, bool]]]:
    """What was deleted of a twin that was certain, and what is told from then on."""
    one = Duplicate(twin or late("9"), certain=True)
    other = Duplicate(late("11"), certain=False)
    snapshot = repeated(duplicates=(one, other))
    after = run(delete_duplicate(world.context, cast("Any", server), world.scope, snapshot, one))
    assert after.removed == tuple(server.deleted)
    assert world.context.syncs.duplicates["uid-orders"] == after.duplicates
    left: Iterable[Duplicate] = after.duplicates or ()
    return server.deleted, sorted((entry.remote.id, entry.certain) for entry in left)


def test_what_is_as_it_was_listed_is_deleted_and_others_stay(world: World) -> None:
    assert deleted(world, Server(late("9"))) == (["9"], [("11", False)])


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(Server(late("9", updated_at=NOW)), id="changed since"),
        pytest.param(Server(late("9", created_at=NOW)), id="made anew"),
        pytest.param(Server(stored(pictured(), "9", stream_name="elsewhere")), id="another one"),
        pytest.param(Server(late("9"), runs=1), id="that has run"),
        pytest.param(Server(late("9"), fails=TransientError("503")), id="that is not shown"),
    ],
)
def test_what_may_be_somebody_elses_is_told_and_not_deleted(world: World, server: Server) -> None:
    assert deleted(world, server) == ([], [("11", False), ("9", False)])


def test_what_is_gone_already_is_told_no_more(world: World) -> None:
    assert deleted(world, Server(late("9"), fails=NotFoundError("404"))) == ([], [("11", False)])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"spec": {"externalId": "9"}}, id="a claim wherever its server is"),
        pytest.param({"annotations": CREATING}, id="a create of that stream"),
        pytest.param({"status": {"id": "9"}}, id="one registered there, nobody knows when"),
        pytest.param({"status": {"id": "9", "registeredAt": rfc3339(MADE)}}, id="the same by another URL"),
    ],
)
def test_nothing_is_deleted_that_a_sync_elsewhere_may_have(world: World, changes: dict[str, Any]) -> None:
    """The same server may go by another name there, so credentials that are refused here say nothing."""
    connections = world.context.connections
    session = WorkspaceConnection(replace(world.view, url="https://alias.example.com"), token="other").with_verdict(
        accepted=False
    )
    assert connections.replace(OTHER, session, instead_of=None)
    connections.mark_blocked(OTHER, classify_error(UnauthorizedError("401")))
    put(world, "elsewhere", OTHER, **changes)

    assert deleted(world, Server(late("9"))) == ([], [("11", False), ("9", False)])


def test_a_sync_of_another_server_that_has_its_id_keeps_no_duplicate(world: World) -> None:
    elsewhere = {"id": "9", "url": "https://alias.example.com", "registeredAt": rfc3339(MADE + timedelta(seconds=1))}
    put(world, "elsewhere", OTHER, status=elsewhere)

    assert deleted(world, Server(late("9"))) == (["9"], [("11", False)])
