"""Nobody takes the workers, the connections or the name look-ups that others need (S-H1, S-H7, S-M14; C4, C5, C20)."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.isolation.conftest import Newcomer, Served
from tests.support.apart import running_with_rights
from tests.support.helm import Helm
from tests.support.hostile import MUTE_NAMESERVER, Listener, dripping_listener, mute_nameserver, silent_listener
from tests.support.manifests import workspace_manifest
from tests.support.plane import Plane
from tests.support.running import Controller, Sandbox, eventually, running_sandbox
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND

PATIENCE = 20.0
"""Seconds in which a healthy tenant's new Sync becomes Ready, whatever others do."""
MOUNTED = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


def attack(tenant: Tenant, urls: list[str], **changes: Any) -> None:
    """Make a Workspace for each URL, all with the same token."""
    tenant.secret()
    for number, url in enumerate(urls):
        spec = {"url": url, "workspaceId": "1", **changes}
        tenant.kube.create(workspace_manifest(f"workspace-{number}", **spec), tenant.namespace)


def connects(newcomer: Newcomer, sandbox: Sandbox) -> None:
    """A tenant who comes during the attack is served as well: Workspace and Sync."""
    tenant = newcomer(sandbox)
    tenant.secret()
    tenant.workspace()
    tenant.sync("first")
    tenant.when(SYNC_KIND, "first", "Ready", seconds=PATIENCE)


@pytest.mark.parametrize("workspaces", [16, 60])
@pytest.mark.parametrize("listener", [silent_listener, dripping_listener])
def test_servers_that_never_finish_an_answer_hold_up_nobody_else(
    newcomer: Newcomer,
    sandbox: Sandbox,
    assert_served: Served,
    listener: Callable[[], Any],
    workspaces: int,
) -> None:
    with listener() as hostile:
        assert isinstance(hostile, Listener)
        attack(newcomer(sandbox), [f"{hostile.url}/{number}" for number in range(workspaces)], timeoutSeconds=60)
        eventually(lambda: hostile.connections >= 12, "the attack to be under way")
        assert_served()
        connects(newcomer, sandbox)
        eventually(lambda: hostile.connections >= min(workspaces, 20), "more to be under way than there are workers")
        assert_served()


def test_servers_on_many_addresses_in_many_namespaces_hold_up_nobody_else(
    newcomer: Newcomer, sandbox: Sandbox, assert_served: Served
) -> None:
    with silent_listener() as hostile:
        for _ in range(20):
            attack(newcomer(sandbox), [f"{hostile.url}/a", f"{hostile.url}/b"], timeoutSeconds=60)
        eventually(lambda: hostile.connections >= 12, "the attack to be under way")
        assert_served()
        connects(newcomer, sandbox)


def test_workspaces_that_wait_for_their_budget_hold_up_nobody_else(
    newcomer: Newcomer, sandbox: Sandbox, assert_served: Served, tmp_path: Path
) -> None:
    """To prove a connection to a server of the documented dialect takes two calls, and the second one waits."""
    folder = tmp_path / "slow"
    folder.mkdir()
    with running_sandbox(folder, "--dialect", "documented") as slow:
        attack(newcomer(slow), [slow.url] * 200, requestsPerMinute=1)
        eventually(lambda: len(slow.requests("GET", "/users/me")) >= 18, "the attack to be under way")
        assert_served()
        connects(newcomer, sandbox)
        assert_served()


@pytest.mark.timeout(300)
def test_a_tenant_who_changes_its_syncs_all_the_time_holds_up_nobody_else(
    newcomer: Newcomer, assert_served: Served, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with running_sandbox(folder) as other:
        tenant = newcomer(other)
        tenant.connect()
        for number in range(50):
            tenant.sync(f"busy-{number}", streamName=f"contacts-{number}")
        with patching(tenant, [f"busy-{number}" for number in range(50)]) as patches:
            eventually(lambda: len(patches) >= 200, "the attack to be under way", seconds=120)
            for _ in range(3):
                before = len(patches)
                assert_served()
                assert len(patches) > before, "the attack ended before the healthy tenant was served"


@contextmanager
def patching(tenant: Tenant, names: list[str]) -> Iterator[list[int]]:
    """Change one Sync after the other without end; what is yielded grows by one for each change."""
    done: list[int] = []
    ended = threading.Event()

    def patch() -> None:
        while not ended.is_set():
            name = names[len(done) % len(names)]
            tenant.patch(name, configuration={"email": f"mail-{len(done)}"})
            done.append(1)

    thread = threading.Thread(target=patch)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def blind(plane: Plane, helm: Helm, tmp_path: Path) -> Iterator[Controller]:
    """A controller of its own, whose system looks names up at a name server that never answers."""
    if os.geteuid() != 0:
        pytest.skip("only root may give a process a resolv.conf of its own")
    folder = tmp_path / "blind"
    folder.mkdir()
    (folder / "resolv.conf").write_text(f"nameserver {MUTE_NAMESERVER}\n")
    with (
        mute_nameserver(),
        running_with_rights(
            plane,
            helm,
            folder,
            {},
            ("unshare", "--mount", "sh", "-c", MOUNTED, str(folder / "resolv.conf")),
            SYNC_OPERATOR_ALLOW_INSECURE_HOSTS="localhost",
        ) as running,
    ):
        yield running


def test_names_that_take_long_to_look_up_hold_up_nobody_else(
    blind: Controller, newcomer: Newcomer, sandbox: Sandbox
) -> None:
    attack(newcomer(sandbox), [f"https://slow-{number}.example.com" for number in range(20)])
    by_name = Sandbox(sandbox.url.replace("127.0.0.1", "localhost"))
    for _ in range(3):
        connects(newcomer, by_name)
    by_name.close()
    assert blind.ended is None
