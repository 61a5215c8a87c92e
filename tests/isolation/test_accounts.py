"""Accounts apart: what one account sees, asks and breaks is no other account's business."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes import client
from tests.isolation.conftest import PATIENCE, Newcomer
from tests.support.manifests import BY_NAME, REMOVED, workspace_manifest
from tests.support.running import Controller, Sandbox, eventually, running_sandbox
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

type AssertServed = Callable[[], None]

TLS: Final = Path(__file__).parents[1] / "support" / "tls"
EVERY_FIVE_MINUTES: Final = {"scheduleType": "automated", "syncInterval": 5, "syncIntervalUnit": "minutes"}
NAMES: Final = {"source": "Warehouse", "destination": "CRM", "model": "Customers"}


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Sandbox]:
    """A server of the documented dialect: the token alone tells whose account is meant."""
    with running_sandbox(tmp_path, "--run-seconds", "1", "--dialect", "documented") as running:
        yield running


def account(newcomer: Newcomer, sandbox: Sandbox, number: int, **workspace: Any) -> Tenant:
    """A connected tenant of the documented dialect, with an account of its own."""
    tenant = newcomer(sandbox)
    sandbox.token(f"token-{number}", f"{number}@example.com", number)
    tenant.secret(f"token-{number}")
    tenant.workspace(**workspace)
    tenant.when(WORKSPACE_KIND, "default", "Ready")
    return tenant


def user(newcomer: Newcomer, sandbox: Sandbox, token: str, **workspace: Any) -> Tenant:
    """A tenant with a token of another user of the healthy tenant's workspace, which the server knows."""
    tenant = newcomer(sandbox)
    sandbox.token(token, f"{token}@example.com")
    tenant.secret(token)
    tenant.workspace(**workspace)
    return tenant


def everything(tenant: Tenant) -> str:
    """All that the operator writes into a tenant's namespace."""
    kinds = ((SYNC_KIND, None), (WORKSPACE_KIND, None), ("CronJob", "batch/v1"), ("Event", "v1"))
    found = []
    for kind, version in kinds:
        resource = tenant.kube.resource(kind, version) if version else tenant.kube.resource(kind)
        found += resource.get(namespace=tenant.namespace).to_dict()["items"]
    for obj in found:
        obj["metadata"].pop("managedFields", None)
    return json.dumps(found, default=str)


@pytest.mark.parametrize("strangers", [1, 4])
def test_a_tenant_sees_nothing_of_another_account_at_the_same_url(
    newcomer: Newcomer, hosted: Sandbox, controller: Controller, strangers: int
) -> None:
    assert controller.ended is None
    owner = account(newcomer, hosted, 1)
    for offset, (kind, name) in enumerate(NAMES.items()):
        hosted.name(kind, 10101 + 100 * offset, name, 1, source=10101)
    hosted.name("source", 10102, "acme-secret-lake", 1)
    owner.ready("orders", **BY_NAME, **EVERY_FIVE_MINUTES)
    others = [account(newcomer, hosted, number) for number in range(2, 2 + strangers)]

    for other in others:
        other.sync("orders", **BY_NAME, **EVERY_FIVE_MINUTES)
        unknown = {"sourceRef": {"serverName": "no-such-source"}}
        other.sync("unknown", **(BY_NAME | unknown), streamName="unknown", **EVERY_FIVE_MINUTES)
    for other in others:
        for name in ("orders", "unknown"):
            sync = other.when(SYNC_KIND, name, "Ready", "False")
            assert "no source" in condition(sync)["message"]
        told = everything(other)
        assert not [word for word in ("acme-secret-lake", "10101", "10102", "10201", "10301") if word in told]
    assert {sync["workspace_id"] for sync in hosted.syncs()} == {1}

    owner.sync("later", streamName="later", **BY_NAME, **EVERY_FIVE_MINUTES)
    owner.when(SYNC_KIND, "later", "Ready", seconds=PATIENCE)
    for number, other in enumerate(others, start=2):
        for offset, (kind, name) in enumerate(NAMES.items()):
            hosted.name(kind, number * 100_000 + 100 * offset + 1, name, number, source=number * 100_000 + 1)
        other.when(SYNC_KIND, "orders", "Ready")
    for number in range(2, 2 + strangers):
        [made] = [sync["attributes"] for sync in hosted.syncs() if sync["workspace_id"] == number]
        ids = [made[f"{kind}_id"] for kind in NAMES]
        assert ids == [number * 100_000 + 100 * offset + 1 for offset in range(3)]


def test_a_lost_create_is_looked_for_in_lists_of_its_own_account(
    newcomer: Newcomer, hosted: Sandbox, controller: Controller
) -> None:
    assert controller.ended is None
    owner, other = (account(newcomer, hosted, number, timeoutSeconds=2) for number in (1, 2))
    owner.ready("orders", **EVERY_FIVE_MINUTES)
    hosted.fault(method="POST", path="/syncs$", lose="after", times=5, token="token-2")
    for number in range(5):
        other.sync(f"lost-{number}", streamName=f"lost-{number}", **EVERY_FIVE_MINUTES)
        owner.ready(f"new-{number}", streamName=f"new-{number}", **EVERY_FIVE_MINUTES)
    for number in range(5):
        # This dialect does not tell when a sync was made: a person decides. Nothing is made a second time.
        sync = other.when(SYNC_KIND, f"lost-{number}", "Stalled", reason="OutcomeUnknown")
        assert "externalId" in condition(sync)["message"]
    made = [sync["attributes"]["stream_name"] for sync in hosted.syncs() if sync["workspace_id"] == 2]
    assert sorted(made) == [f"lost-{number}" for number in range(5)]


def test_a_pause_that_the_server_asks_of_one_account_is_no_others(
    newcomer: Newcomer, sandbox: Sandbox, assert_served: AssertServed
) -> None:
    throttled = user(newcomer, sandbox, "throttled")
    throttled.when(WORKSPACE_KIND, "default", "Ready")
    sandbox.fault(status=429, retry_after="3600", times=-1, token="throttled")
    throttled.sync("orders", streamName="throttled")
    throttled.when(SYNC_KIND, "orders", "Ready", "False", "Throttled")
    for _ in range(3):
        assert_served()


@pytest.mark.parametrize("tenants", [1, 6])
def test_a_refused_token_with_one_request_a_minute_slows_nobody_down(
    newcomer: Newcomer, sandbox: Sandbox, healthy: Tenant, assert_served: AssertServed, tenants: int
) -> None:
    for number in range(tenants):
        hostile = newcomer(sandbox)
        hostile.secret(f"wrong-{number}")
        hostile.workspace(requestsPerMinute=1)
        hostile.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")
        # The next look has to wait for its turn: what is known stays so until then.
        hostile.kube.patch(WORKSPACE_KIND, "default", hostile.namespace, {"spec": {"requestsPerMinute": 2}})
        hostile.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")
    for _ in range(5):
        assert_served()
    assert condition(healthy.kube.get(WORKSPACE_KIND, "default", healthy.namespace))["status"] == "True"


def test_another_user_of_the_workspace_with_one_request_a_minute_slows_nobody_down(
    newcomer: Newcomer, sandbox: Sandbox, assert_served: AssertServed
) -> None:
    slow = user(newcomer, sandbox, "slow", requestsPerMinute=1)
    slow.when(WORKSPACE_KIND, "default", "Ready")
    for number in range(3):
        slow.sync(f"slow-{number}", streamName=f"slow-{number}")
    for _ in range(5):
        assert_served()


def test_a_deleted_workspace_gives_its_share_of_the_budget_back_at_once(
    newcomer: Newcomer, sandbox: Sandbox, healthy: Tenant, assert_served: AssertServed
) -> None:
    same_account = newcomer(sandbox)
    same_account.secret()
    same_account.workspace(requestsPerMinute=1)
    same_account.when(WORKSPACE_KIND, "default", "Ready")
    for number in range(5):
        healthy.sync(f"waits-{number}", streamName=f"waits-{number}")
    # Its own look at the server waits for the budget now.
    body = {"metadata": {"annotations": {"squared.ai/reconcile-requested-at": "now"}}}
    same_account.kube.patch(WORKSPACE_KIND, "default", same_account.namespace, body)
    eventually(
        lambda: condition(healthy.get("waits-4")).get("reason") == "Throttled", "one account shares its lowest budget"
    )
    same_account.kube.resource(WORKSPACE_KIND).delete(name="default", namespace=same_account.namespace)
    assert_served()
    for number in range(5):
        healthy.when(SYNC_KIND, f"waits-{number}", "Ready", seconds=PATIENCE)


@pytest.mark.parametrize("tenants", [1, 3])
def test_a_certificate_that_is_not_trusted_stops_that_workspace_alone(
    newcomer: Newcomer, sandbox: Sandbox, controller: Controller, tenants: int
) -> None:
    assert controller.ended is None
    with _served_by_tls(sandbox.url) as url:
        healthy = newcomer(sandbox)
        healthy.secret()
        healthy.secret((TLS / "loopback-authority.pem").read_text(), name="ca", key="ca.crt")
        healthy.workspace(url=url, caSecretRef={"name": "ca"})
        healthy.ready("before", streamName="before")
        for _ in range(tenants):
            forgetful = newcomer(sandbox)
            forgetful.secret()
            forgetful.workspace(url=url)
            troubled = forgetful.when(WORKSPACE_KIND, "default", "Ready", "False", "ServerUnavailable")
            assert "certificate" in condition(troubled)["message"]
        for number in range(5):
            healthy.sync(f"new-{number}", streamName=f"new-{number}")
            healthy.when(SYNC_KIND, f"new-{number}", "Ready", seconds=PATIENCE)
        workspace = healthy.kube.get(WORKSPACE_KIND, "default", healthy.namespace)
        assert condition(workspace)["status"] == "True"
        assert "certificate" not in everything(healthy)


def test_a_token_that_is_replaced_changes_nothing_else(
    newcomer: Newcomer, hosted: Sandbox, controller: Controller
) -> None:
    assert controller.ended is None
    tenant = account(newcomer, hosted, 1)
    for kind, name in NAMES.items():
        hosted.name(kind, {"source": 1, "destination": 2, "model": 3}[kind], name, 1)
    tenant.ready("named", **BY_NAME, **EVERY_FIVE_MINUTES)
    tenant.ready("orders", streamName="orders", **EVERY_FIVE_MINUTES)
    before = {name: tenant.get(name)["status"] for name in ("named", "orders")}
    for turn in range(2, 5):
        hosted.forget_requests()
        hosted.token(f"token-1-{turn}", "1@example.com", 1)
        tenant.secret(f"token-1-{turn}")
        eventually(lambda: hosted.requests("GET", "/syncs"), "the new token is tried out")
        tenant.ready(f"new-{turn}", streamName=f"new-{turn}", **EVERY_FIVE_MINUTES)
        hosted.revoke("token-1" if turn == 2 else f"token-1-{turn - 1}")
        writes = [entry for entry in hosted.requests() if entry["method"] in {"PUT", "PATCH", "DELETE"}]
        assert writes == []
        assert len(hosted.requests("POST", "/syncs")) == 1
    assert {name: tenant.get(name)["status"] for name in before} == before
    assert len(hosted.syncs()) == 5


@pytest.mark.timeout(300)
def test_a_hundred_workspaces_with_tokens_of_their_own_at_one_place(
    newcomer: Newcomer, sandbox: Sandbox, healthy: Tenant, assert_served: AssertServed
) -> None:
    crowd = newcomer(sandbox)
    for number in range(100):
        token, name = f"crowd-{number}", f"crowd-{number}"
        if number % 2:
            sandbox.token(token, f"{token}@example.com")
        crowd.secret(token, name=name)
        auth = {"tokenSecretRef": {"name": name}}
        spec = {"url": sandbox.url, "workspaceId": "1", "requestsPerMinute": 1, "auth": auth}
        crowd.kube.create(workspace_manifest(name, **spec), crowd.namespace)
    assert_served()
    for number in range(100):
        status, reason = ("True", "Reconciled") if number % 2 else ("False", "Unauthorized")
        crowd.when(WORKSPACE_KIND, f"crowd-{number}", "Ready", status, reason, seconds=60)
    assert_served()
    assert condition(healthy.get("new-1"))["status"] == "True"


@pytest.mark.parametrize("accounts", [5, 20])
def test_the_many_logins_of_one_tenant_leave_the_others_their_turns(
    newcomer: Newcomer, sandbox: Sandbox, controller: Controller, accounts: int
) -> None:
    assert controller.ended is None
    many = newcomer(sandbox)
    for number in range(accounts):
        name = f"user-{number}"
        many.kube.core.create_namespaced_secret(many.namespace, _login(name, f"{name}@example.com", "guessed"))
        auth = {"tokenSecretRef": REMOVED, "loginSecretRef": {"name": name}}
        many.kube.create(workspace_manifest(name, url=sandbox.url, workspaceId="1", auth=auth), many.namespace)
    eventually(lambda: len(sandbox.requests("POST", "/login")) >= 3, "the first logins")
    tenant = newcomer(sandbox)
    sandbox.user("ops@example.com", "right")
    tenant.kube.core.create_namespaced_secret(tenant.namespace, _login("login", "ops@example.com", "right"))
    tenant.workspace(auth={"tokenSecretRef": REMOVED, "loginSecretRef": {"name": "login"}})
    tenant.sync("orders")
    tenant.when(SYNC_KIND, "orders", "Ready", seconds=PATIENCE)
    assert 429 not in {entry["status"] for entry in sandbox.requests("POST", "/login")}


def _login(name: str, email: str, password: str) -> client.V1Secret:
    data = {"email": email, "password": password}
    return client.V1Secret(metadata=client.V1ObjectMeta(name=name), string_data=data)


@contextmanager
def _served_by_tls(url: str) -> Iterator[str]:
    """Serve what another server serves by HTTPS, with a certificate that only our own authority vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "loopback.pem")
    host, _, port = url.removeprefix("http://").partition(":")
    stop, started = threading.Event(), threading.Event()
    served: list[str] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(copy(reader, downstream), copy(upstream, writer))
        finally:
            for end in (writer, downstream):
                end.transport.abort()

    async def serve_until_stopped() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            served.append(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            started.set()
            await asyncio.to_thread(stop.wait)
            server.close_clients()

    thread = threading.Thread(target=asyncio.run, args=(serve_until_stopped(),), name="tls", daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield served[0]
    finally:
        stop.set()
        thread.join(20)
