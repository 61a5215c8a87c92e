"""The end of a tenant: its namespace is deleted, with the server up, down, and with the operator's memory gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.support.faults import Fault, Moment
from tests.support.nursery import Nursery
from tests.support.plane import Kube, Plane
from tests.support.running import eventually
from tests.support.syncs import condition
from tests.support.world import World, running_world

from sync_operator.api.constants import API_VERSION, SYNC_KIND, WORKSPACE_KIND

pytestmark = pytest.mark.timeout(600)

_DOWN: Final = Fault("down", lose=Moment.BEFORE)
_MANY: Final = [f"all-{letter}{number}" for letter in "ab" for number in range(10)]


@pytest.fixture
def world(plane: Plane, kube: Kube, nursery: Nursery, tmp_path: Path) -> Iterator[World]:
    """A world for each test, as they delete namespaces; never two at once: their controllers would share the Syncs."""
    with running_world(plane, kube, nursery, tmp_path) as running:
        yield running


@pytest.fixture
def tenancy(world: World) -> World:
    """A world with 20 registered Syncs."""
    for name in _MANY:
        world.create(name)
    world.settle()
    return world


def test_it_takes_the_servers_syncs_along(tenancy: World) -> None:
    tenancy.delete_all()

    eventually(tenancy.gone, "the namespace to be gone", seconds=120)
    assert tenancy.sandbox.syncs() == []


def test_with_the_server_down_it_waits_says_why_and_retain_frees_it(tenancy: World) -> None:
    tenancy.to_server.judge(lambda _: _DOWN)
    tenancy.delete_all()
    freed, waiting = _MANY[:10], _MANY[10:]

    for name in _MANY:
        sync = tenancy.tenant.when(SYNC_KIND, name, "Ready", "False", "DeleteFailed", seconds=90)
        assert "the server's sync cannot be deleted" in condition(sync)["message"]
        assert "set spec.deletionPolicy to Retain" in condition(sync)["message"]
    eventually(lambda: secrets_and_workspaces(tenancy) == set(), "Secrets and Workspace to be gone")
    assert tenancy.tenant.cronjobs() == []

    retained = {str(tenancy.registered(name)) for name in freed}
    for name in freed:
        tenancy.tenant.patch(name, deletionPolicy="Retain")
        tenancy.tenant.gone(name)
    assert len(tenancy.sandbox.syncs()) == len(_MANY)

    # The rest goes when the server is back, with credentials that the cluster no longer holds.
    tenancy.survivors = retained
    tenancy.wanted = {name: tenancy.wanted[name] for name in waiting}
    tenancy.to_server.judge(None)
    eventually(tenancy.gone, "the namespace to be gone", seconds=120)
    assert {str(sync["id"]) for sync in tenancy.sandbox.syncs()} == retained


def test_after_a_restart_without_credentials_it_names_the_way_out(tenancy: World) -> None:
    tenancy.to_server.judge(lambda _: _DOWN)
    tenancy.delete_all()
    eventually(lambda: secrets_and_workspaces(tenancy) == set(), "Secrets and Workspace to be gone")

    tenancy.kill()
    tenancy.to_server.judge(None)

    eventually(lambda: all_name_the_way_out(tenancy), "all Syncs to say why they wait, and what to do", seconds=120)
    tenancy.survivors = {str(sync["id"]) for sync in tenancy.sandbox.syncs()}
    assert len(tenancy.survivors) == len(_MANY), "nothing was deleted by guesswork"
    for name in _MANY:
        tenancy.tenant.patch(name, deletionPolicy="Retain")
    eventually(tenancy.gone, "the namespace to be gone", seconds=120)


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_no_way_of_deleting_leaves_cronjob_or_job(world: World, plane: Plane, cascade: str) -> None:
    names = [f"{cascade}-a1", f"{cascade}-b1"]
    for name in names:
        world.create(name)
    world.settle()
    for name in names:
        world.make_job(name)
        deleted = plane.kubectl("delete", "sync", name, "-n", world.tenant.namespace, f"--cascade={cascade}")
        assert deleted.returncode == 0, deleted.stderr
        del world.wanted[name]

    world.settle()
    assert world.tenant.cronjobs() == []
    assert world.tenant.jobs() == []


def secrets_and_workspaces(tenancy: World) -> set[str]:
    return {*tenancy.listed("Secret", "v1"), *tenancy.listed(WORKSPACE_KIND, API_VERSION)}


def all_name_the_way_out(tenancy: World) -> bool:
    """True once every Sync is being deleted, and says that its Workspace is gone and how to let it go."""
    messages = [condition(sync).get("message", "") for sync in tenancy.listed(SYNC_KIND, API_VERSION).values()]
    return all("there is no Workspace" in said and "set spec.deletionPolicy to Retain" in said for said in messages)
