"""Whatever a server answers and whatever a manifest holds: no other tenant notices (S-H5, S-H9, S-M15)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.isolation.conftest import PATIENCE, Newcomer, Served
from tests.support.helm import Helm
from tests.support.hostile import Hostile, hostile_server
from tests.support.manifests import REMOVED, sync_manifest
from tests.support.permissions import install_account
from tests.support.plane import Plane
from tests.support.running import Controller, Sandbox, eventually, running_controller
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.util.bounds import HASHED

WORD: Final = "secret12"
"""Patterns that look for secrets take time by the square of its repetitions, where nobody cuts before."""
MEGABYTE: Final = WORD * 2**17
FILLS_AN_ANSWER: Final = WORD * 50_000
FILLS_A_REFUSAL: Final = WORD * 8000
PASSWORD: Final = "planted-password-of-the-database"
FAR_DATE: Final = "Mon, 01 Jan 2024 00:00:00 +99999999999999"
MOST_TOLD: Final = 64 * 1024
"""Bytes of status and events beyond which an object was filled by somebody else's words."""

type Said = tuple[str, Any, int, dict[str, str]]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with hostile_server() as server:
        yield server


@pytest.fixture
def attacker(newcomer: Newcomer, hostile: Hostile, healthy: Tenant) -> Tenant:
    """A tenant whose server answers whatever it is told to; nothing is there yet."""
    return newcomer(Sandbox(hostile.url, healthy.sandbox.url))


def attack(tenant: Tenant, hostile: Hostile, **changes: Any) -> None:
    """Connect, and make a Sync of which the server is asked everything."""
    tenant.secret()
    tenant.workspace()
    tenant.sync(**changes)
    eventually(lambda: len(hostile.asked) > 0, "the hostile server to be asked")


def told(tenant: Tenant) -> str:
    """All that people can read of a tenant's objects."""
    objects = [tenant.kube.get(WORKSPACE_KIND, "default", tenant.namespace)]
    objects += [tenant.get(name) for name in tenant.names()]
    shown = json.dumps([obj.get("status") for obj in objects], default=str)
    events = tenant.kube.core.list_namespaced_event(tenant.namespace).items
    return " ".join([shown, *(str(event.message) for event in events)])


def attributes(**values: Any) -> dict[str, Any]:
    return {"data": {"id": "1", "attributes": values}}


ANSWERS: Final[dict[str, list[Said]]] = {
    "user": [("GET /users/me", attributes(email=WORD * 25_000, role=WORD * 25_000), 200, {})],
    "user of 1 MiB": [("GET /users/me", attributes(email="a@example.com", role=MEGABYTE), 200, {})],
    "error": [("GET /users/me", {"error": FILLS_A_REFUSAL}, 500, {})],
    "refusal": [("POST /syncs", {"errors": [{"detail": FILLS_A_REFUSAL}]}, 422, {})],
    "refusal of 1 MiB": [("POST /syncs", {"errors": [{"detail": MEGABYTE}]}, 422, {})],
    "status": [
        ("POST /syncs", attributes(status=FILLS_AN_ANSWER), 201, {}),
        ("GET /syncs/1", attributes(status=FILLS_AN_ANSWER), 200, {}),
    ],
    "id and dates": [
        ("GET /users/me", attributes(email="a@example.com"), 200, {"Date": WORD * 4000}),
        ("GET /syncs", {"data": []}, 200, {"Date": FAR_DATE}),
        ("POST /syncs", {"data": {"id": "9" * 5000, "attributes": {}}}, 201, {"Date": FAR_DATE}),
    ],
    "pause": [("GET /users/me", {}, 429, {"Retry-After": FAR_DATE})],
    "long pause": [("GET /users/me", {}, 429, {"Retry-After": "9" * 20_000})],
    "depth": [("GET /users/me", b"[" * 200_000, 200, {})],
    "60 MiB of empty objects": [("GET /syncs", b'{"data":[' + b"{}," * (20 * 2**20) + b"{}]}", 200, {})],
    "60 MiB of tiny syncs": [
        ("GET /syncs", b'{"data":[' + b'{"id":"1","attributes":{}},' * (2**21) + b"{}]}", 200, {})
    ],
    "names": [
        ("GET /connectors", {"data": [{"id": 1, "attributes": {"name": FILLS_AN_ANSWER}}]}, 200, {}),
        ("GET /models", {"data": [{"id": 1, "attributes": {"name": FILLS_AN_ANSWER}}]}, 200, {}),
    ],
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_without_bounds_stops_nobody(
    attacker: Tenant, hostile: Hostile, controller: Controller, assert_served: Served, kind: str
) -> None:
    for call, body, status, headers in ANSWERS[kind]:
        hostile.says(call, body, status, headers)
    by_name = {"sourceId": REMOVED, "sourceRef": {"serverName": "Warehouse"}} if kind == "names" else {}
    attack(attacker, hostile, scheduleType="automated", syncInterval=1, syncIntervalUnit="hours", **by_name)
    asked = ANSWERS[kind][-1][0]
    eventually(lambda: any(call.startswith(asked) for call in hostile.asked), asked)

    assert_served()
    assert_served()

    shown = told(attacker)
    assert len(shown) < MOST_TOLD
    assert WORD * 100 not in shown
    assert WORD * 1000 not in controller.log.read_text()


def nested(levels: int) -> str:
    """A Sync whose configuration has so many levels, as JSON."""
    whole = json.dumps(sync_manifest("deep", configuration={"a": "HERE"}))
    return whole.replace('"HERE"', '{"a":' * levels + "1" + "}" * levels)


@pytest.fixture
def own(plane: Plane, helm: Helm, tmp_path: Path) -> Iterator[Controller]:
    """A controller that the test may end."""
    folder = tmp_path / "own"
    folder.mkdir()
    account = install_account(helm, plane, folder, loginWorkspaces={"enabled": True})
    with running_controller(plane, folder, KUBECONFIG=str(account)) as running:
        yield running


def test_manifests_without_bounds_are_told_and_stop_nobody_nor_a_restart(
    plane: Plane, own: Controller, newcomer: Newcomer, sandbox: Sandbox
) -> None:
    healthy, attacker = newcomer(sandbox), newcomer(sandbox)
    healthy.connect()
    attacker.connect()
    made = plane.kubectl("create", "-n", attacker.namespace, "-f", "-", stdin=nested(2000))
    assert made.returncode == 0, made.stderr
    attacker.sync("large", configuration={"a": "x" * 900_000})
    attacker.sync("many", configuration={"a": [{}] * 200_000})
    attacker.sync("asked")
    attacker.request_run("x" * 40_000, "asked")
    attacker.when(SYNC_KIND, "asked", "Ready")
    for name in ("large", "many"):
        attacker.when(SYNC_KIND, name, "Ready", "False", "InvalidSpec")
    eventually(lambda: attacker.events("deep"), "the event about what is not kept")
    eventually(attacker.jobs, "the Job of the run that was asked for")
    healthy.sync("new", streamName="new")
    healthy.when(SYNC_KIND, "new", "Ready", seconds=PATIENCE)

    own.stop()
    own.start()

    healthy.sync("newer", streamName="newer")
    healthy.when(SYNC_KIND, "newer", "Ready", seconds=PATIENCE)
    assert len(attacker.jobs()) == 1
    assert HASHED in str(attacker.get("asked")["status"])
    assert "x" * 1000 not in own.log.read_text()


def test_swapped_keys_of_a_login_print_nothing(
    attacker: Tenant, hostile: Hostile, controller: Controller, assert_served: Served
) -> None:
    hostile.says("POST /login", {"error": f"no user {PASSWORD}"}, 401)
    attacker.secret(PASSWORD, "login", "password")
    attacker.secret("someone@example.com", "login", "email")
    login = {"name": "login", "emailKey": "password", "passwordKey": "email"}
    attacker.workspace(auth={"tokenSecretRef": REMOVED, "loginSecretRef": login})
    attacker.sync()
    attacker.when(WORKSPACE_KIND, "default", "Ready", "False")

    assert_served()

    assert PASSWORD not in str(attacker.kube.get(WORKSPACE_KIND, "default", attacker.namespace))
    assert PASSWORD not in told(attacker)
    assert PASSWORD not in controller.log.read_text()
