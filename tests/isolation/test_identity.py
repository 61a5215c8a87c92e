"""Ids are small integers: what has ours on a rebuilt server, or with another account, is somebody else's sync."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.isolation.conftest import Newcomer
from tests.support.running import Sandbox, eventually, running_sandbox
from tests.support.syncs import MAPPING, Tenant, condition

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

INTERVAL: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 30, "syncIntervalUnit": "minutes"}
INVOICES: dict[str, Any] = {
    "source_id": 11,
    "destination_id": 12,
    "model_id": 13,
    "stream_name": "invoices",
    "configuration": [{"from": "id", "to": "number", "mapping_type": "standard"}],
    "schedule_type": "interval",
    "sync_interval": 1,
    "sync_interval_unit": "days",
    "cron_expression": None,
    "sync_mode": "incremental",
}
"""A sync that somebody else has made."""
BY_HAND: dict[str, Any] = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "stream_name": "by-hand",
    "sync_mode": "full_refresh",
    "schedule_type": "manual",
    "configuration": MAPPING,
}
"""A sync that may be adopted."""


@pytest.fixture
def rebuilt(tmp_path: Path) -> Iterator[Sandbox]:
    folder = tmp_path / "rebuilt"
    folder.mkdir()
    with running_sandbox(folder, "--run-seconds", "1") as running:
        yield running


def look(tenant: Tenant, name: str, token: str) -> None:
    """Ask for a comparison with the server now."""
    annotations = {"squared.ai/reconcile-requested-at": token}
    tenant.kube.patch(SYNC_KIND, name, tenant.namespace, {"metadata": {"annotations": annotations}})


def written(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Requests that change something."""
    asked = [(entry["method"], entry["path"]) for entry in sandbox.requests()]
    return [entry for entry in asked if entry[0] != "GET"]


def token_of(subject: str) -> str:
    """A JSON web token that names its account."""
    parts: tuple[dict[str, str], ...] = ({"alg": "none"}, {"sub": subject}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


REBUILT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "somebody else's sync": lambda _: {"id": 1, "attributes": INVOICES},
    "somebody's sync that looks like ours": lambda mine: {
        "id": 1,
        "attributes": mine["attributes"],
        "created_at": "2025-01-01T00:00:00+00:00",  # within one second of ours it would be taken for ours
    },
}


@pytest.mark.parametrize("kind", REBUILT)
def test_nothing_of_somebody_elses_sync_on_a_rebuilt_server_changes(
    newcomer: Newcomer, rebuilt: Sandbox, assert_served: Callable[[], None], kind: str
) -> None:
    tenant = newcomer(rebuilt)
    tenant.connect()
    tenant.ready("ours", **INTERVAL)
    tenant.ready("edited", **INTERVAL, streamName="others")
    [mine, other] = rebuilt.syncs()

    rebuilt.rebuilt(REBUILT[kind](mine), {**REBUILT[kind](other), "id": 2})
    rebuilt.forget_requests()
    before = rebuilt.syncs()
    tenant.patch("edited", syncInterval=45)
    edited = tenant.when(SYNC_KIND, "edited", "Ready", "False", "Conflict")
    assert_served()
    ours = tenant.when(SYNC_KIND, "ours", "Ready", "False", "Conflict")
    for told in (ours, edited):
        assert "so it is another one" in condition(told)["message"]
        assert "spec.deletionPolicy to Retain" in condition(told)["message"]
    eventually(lambda: tenant.cronjob("ours")["spec"]["suspend"], "its CronJob to be suspended")
    eventually(lambda: tenant.cronjob("edited")["spec"]["suspend"], "the other CronJob to be suspended")
    look(tenant, "ours", "one")
    tenant.request_run("one", "ours")
    tenant.delete("edited")
    tenant.when(SYNC_KIND, "edited", "Ready", "False", "DeleteFailed")

    assert tenant.jobs() == []
    tenant.patch("edited", deletionPolicy="Retain")
    tenant.gone("edited")
    assert rebuilt.syncs() == before
    assert written(rebuilt) == []


@pytest.mark.parametrize(("dialect", "workspace"), [("multiwoven", 1), ("documented", 2)])
def test_the_token_of_another_account_makes_nothing_anew_and_touches_nothing(
    newcomer: Newcomer, tmp_path: Path, assert_served: Callable[[], None], dialect: str, workspace: int
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    with running_sandbox(folder, "--dialect", dialect) as theirs:
        _swap_tokens(newcomer(theirs), theirs, assert_served, workspace)


def _is_suspended(tenant: Tenant, name: str) -> bool:
    return bool(tenant.cronjob(name)["spec"]["suspend"])


def _swap_tokens(tenant: Tenant, theirs: Sandbox, assert_served: Callable[[], None], workspace: int) -> None:
    tokens = [token_of("1"), token_of("2")]
    theirs.token(tokens[0], "alice@example.com")
    theirs.token(tokens[1], "bob@example.com", workspace)
    tenant.secret(tokens[0])
    tenant.workspace()
    automated = {**INTERVAL, "scheduleType": "automated"}
    for number in range(3):
        tenant.ready(f"sync-{number}", **automated, streamName=f"stream-{number}")
    before = theirs.syncs()
    assert len(before) == 3

    theirs.forget_requests()
    tenant.secret(tokens[1])
    for number in range(3):
        told = tenant.when(SYNC_KIND, f"sync-{number}", "Ready", "False", "WorkspaceChanged")
        assert "account" in condition(told)["message"]
        eventually(partial(_is_suspended, tenant, f"sync-{number}"), "its CronJob to be suspended")
    assert_served()
    tenant.patch("sync-0", syncInterval=45)
    look(tenant, "sync-1", "one")
    tenant.request_run("one", "sync-1")
    tenant.delete("sync-2")
    tenant.when(SYNC_KIND, "sync-2", "Ready", "False", "DeleteFailed")
    assert theirs.syncs() == before
    assert written(theirs) == []
    assert tenant.jobs() == []

    tenant.secret(tokens[0])
    tenant.when(SYNC_KIND, "sync-0", "Ready")
    tenant.gone("sync-2")
    assert len(theirs.syncs()) == 2


def test_who_asks_for_ids_without_credentials_hides_no_sync_and_holds_none(
    newcomer: Newcomer, rebuilt: Sandbox, assert_served: Callable[[], None]
) -> None:
    squatter, victim = newcomer(rebuilt), newcomer(rebuilt)
    squatter.secret("wrong")
    squatter.workspace()
    for number in range(1, 4):
        squatter.sync(f"squat-{number}", externalId=str(number))
    squatter.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")
    victim.connect(timeoutSeconds=2)
    rebuilt.fault(method="POST", path="/syncs$", lose="after")

    made = victim.ready("lost")

    assert [str(sync["id"]) for sync in rebuilt.syncs()] == [made["status"]["id"]], "no twin"
    assert rebuilt.call("POST", "/syncs", sync=BY_HAND).status_code == 201
    adopted = victim.ready("adopted", externalId="2", streamName="by-hand")
    assert adopted["status"]["id"] == "2"
    assert_served()


def test_a_sync_of_another_server_with_our_id_of_our_second_hides_no_lost_create(
    newcomer: Newcomer, rebuilt: Sandbox, healthy: Tenant, assert_served: Callable[[], None]
) -> None:
    theirs = healthy.get("before")["status"]
    made = datetime.fromisoformat(theirs["registeredAt"])
    same_second = made.replace(microsecond=1000 * ((made.microsecond // 1000 + 500) % 1000))
    tenant = newcomer(rebuilt)
    tenant.connect()
    rebuilt.fault(method="POST", path="/syncs$", lose="after")
    rebuilt.fault(method="GET", path="/syncs$", status=503, times=100_000)

    tenant.sync("lost", adoptionPolicy="Create")
    tenant.when(SYNC_KIND, "lost", "Ready", "False", "OutcomeUnknown")
    [mine] = rebuilt.syncs()
    assert str(mine["id"]) == theirs["id"]
    rebuilt.rebuilt({**mine, "created_at": same_second.isoformat()})
    rebuilt.clear_faults()

    taken = tenant.when(SYNC_KIND, "lost", "Ready", seconds=60)
    assert [str(sync["id"]) for sync in rebuilt.syncs()] == [taken["status"]["id"]], "no twin"
    assert datetime.fromisoformat(taken["status"]["registeredAt"]) == same_second
    assert_served()


def test_a_workspace_id_is_a_number_however_it_is_written(
    newcomer: Newcomer, rebuilt: Sandbox, assert_served: Callable[[], None]
) -> None:
    first, second = newcomer(rebuilt), newcomer(rebuilt)
    first.connect()
    second.connect(workspaceId="00001")
    assert rebuilt.call("POST", "/syncs", sync=BY_HAND).status_code == 201
    first.ready("mine", externalId="1", streamName="by-hand")

    second.sync("mine", externalId="001", streamName="by-hand", syncMode="incremental")

    told = second.when(SYNC_KIND, "mine", "Ready", "False", "Conflict")
    assert f"{first.namespace}/mine" in condition(told)["message"]
    assert_served()
    assert written(rebuilt) == [("POST", "/api/v1/syncs")]


def test_ids_are_of_this_workspace_of_the_right_kind_and_of_each_other(
    newcomer: Newcomer, rebuilt: Sandbox, assert_served: Callable[[], None]
) -> None:
    tenant = newcomer(rebuilt)
    tenant.connect()
    for kind, number in (("source", 41), ("destination", 42), ("model", 33)):
        rebuilt.name(kind, number, f"theirs {number}", 2)
    wrong: dict[str, tuple[dict[str, int], str]] = {
        "source": ({"sourceId": 41}, "spec.sourceId: the workspace has no source 41"),
        "destination": ({"destinationId": 42}, "spec.destinationId: the workspace has no destination 42"),
        "model": ({"modelId": 33}, "spec.modelId: the workspace has no model 33"),
        "kind": ({"sourceId": 4}, "spec.sourceId: connector 'destination 4' (id 4) is a destination"),
        "other": ({"sourceId": 5}, "spec.modelId: model 'model 3' (id 3) reads from source 1"),
    }
    for name, (changes, _) in wrong.items():
        tenant.sync(name, **changes)
    for name, (_, words) in wrong.items():
        told = tenant.when(SYNC_KIND, name, "Ready", "False", "InvalidSpec")
        assert condition(told)["message"].startswith(words)
        assert "theirs" not in condition(told)["message"]
    assert_served()
    assert rebuilt.syncs() == []
    asked = len(rebuilt.requests("GET", "/connectors")) + len(rebuilt.requests("GET", "/models"))
    assert asked <= 12, "lists are shared"

    rebuilt.name("model", 33, "ours by now", 1)
    tenant.patch("kind", sourceId=1)

    tenant.when(SYNC_KIND, "model", "Ready")
    tenant.when(SYNC_KIND, "kind", "Ready")
    assert len(rebuilt.syncs()) == 2
