"""What `plan` foretells of random pipelines is what the real controller then does, by the server's own log."""

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.foretold import LISTS, WORKSPACES, Manifests, disagreements, is_settled
from tests.support.judging import documents_of
from tests.support.manifests import workspace_manifest
from tests.support.pipeline import DESTINATION, PASSWORD, SOURCE
from tests.support.plane import Kube, Plane
from tests.support.running import PROGRAM, TOKEN, Controller, Sandbox, eventually, running_sandbox
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND

pytestmark = pytest.mark.timeout(300)

ROUNDS = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sandbox]:
    """A server with two workspaces, which has nothing."""
    numbers = (word for number in WORKSPACES.values() for word in ("--workspace", str(number)))
    with running_sandbox(tmp_path, "--run-seconds", "1", *numbers) as running:
        running.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})
        yield running


@pytest.fixture
def shop(kube: Kube, namespace: str, server: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    tenant = Tenant(kube, namespace, server)
    tenant.secret()
    tenant.secret(PASSWORD, "warehouse", "password")
    return tenant


def workspaces(shop: Tenant) -> list[dict[str, Any]]:
    spec = {"url": shop.sandbox.url, "requestsPerMinute": 100_000}
    return [workspace_manifest(name, **spec, workspaceId=str(number)) for name, number in WORKSPACES.items()]


def secrets(password: str) -> list[dict[str, Any]]:
    wanted = {"token": {"token": TOKEN}, "warehouse": {"password": password}}
    kind = {"apiVersion": "v1", "kind": "Secret"}
    return [kind | {"metadata": {"name": name}, "stringData": data} for name, data in wanted.items()]


class Foretelling:
    """Plans, applies, and compares."""

    def __init__(self, shop: Tenant, plane: Plane, folder: Path) -> None:
        self.shop, self._plane, self._folder = shop, plane, folder
        self.password = PASSWORD
        self.apply(workspaces(shop))

    def plan(self, documents: list[dict[str, Any]], *options: str) -> dict[str, Any]:
        file, live = self._folder / "all.yaml", self._folder / "live.yaml"
        every = (*workspaces(self.shop), *secrets(self.password), *documents)
        file.write_text("\n---\n".join(map(json.dumps, every)))
        kinds = "connectors,models,syncs,workspaces"
        live.write_text(self._plane.kubectl("get", kinds, "--namespace", self.shop.namespace, "-o", "yaml").stdout)
        words = ["plan", str(file), "--live", str(live), "--namespace", self.shop.namespace, "-o", "json", *options]
        environment = {**os.environ, "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1"}
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False, env=environment)
        assert done.stdout, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        blocked = any(it["action"] == "blocked" for name in LISTS.values() for it in told[name])
        assert done.returncode == (1 if blocked else 10 if told["changes"] else 0)
        return told

    def apply(self, documents: list[dict[str, Any]]) -> None:
        text = "\n---\n".join(map(json.dumps, documents))
        applied = self._plane.kubectl("apply", "-n", self.shop.namespace, "-f", "-", stdin=text)
        assert applied.returncode == 0, applied.stderr

    def objects(self) -> dict[tuple[str, str], dict[str, Any]]:
        kube, namespace = self.shop.kube, self.shop.namespace
        found = (kube.resource(kind).get(namespace=namespace).to_dict()["items"] for kind in LISTS)
        return {(it["kind"], it["metadata"]["name"]): it for items in found for it in items}

    def carry_out(self, documents: list[dict[str, Any]]) -> dict[str, Any]:
        """Plan, apply, and see that it happens as foretold; returns the plan."""
        told = self.plan(documents)
        entries = [(kind, entry) for kind, name in LISTS.items() for entry in told[name]]
        self.shop.sandbox.forget_requests()
        self.apply(documents)

        there: dict[tuple[str, str], dict[str, Any]] = {}
        unsettled = [""]

        def settled() -> bool:
            there.update(self.objects())
            named = ((entry, there[kind, entry["name"]]) for kind, entry in entries)
            unsettled[:] = [
                f"{entry['name']}, {entry['action']}: {condition(obj)}"
                for entry, obj in named
                if not is_settled(entry, obj)
            ]
            return not unsettled

        try:
            eventually(settled, "all as foretold")
        except AssertionError:
            pytest.fail("\n".join(["not as foretold:", *unsettled]))
        log = [entry for entry in self.shop.sandbox.requests() if entry["method"] in {"POST", "PUT"}]
        wrong = [
            line for kind, entry in entries for line in disagreements(kind, entry, there[kind, entry["name"]], log)
        ]
        for kind, name in LISTS.items():
            made = sum(
                entry["path"] == f"/api/v1/{name}" and entry["method"] == "POST" and entry["status"] < 300
                for entry in log
            )
            foretold = sum(entry["action"] == "create" for entry in told[name])
            if made != foretold:
                wrong.append(f"{foretold} creates of {kind} were foretold, and there were {made}")
        assert not wrong, "\n".join(wrong)
        return told


@pytest.mark.parametrize("seed", range(4))
def test_the_controller_does_what_is_foretold(shop: Tenant, plane: Plane, tmp_path: Path, seed: int) -> None:
    manifests, foretelling = Manifests(random.Random(seed)), Foretelling(shop, plane, tmp_path)  # noqa: S311 - no secret
    manifests.begin()

    for _ in range(ROUNDS):
        documents = manifests.documents()
        foretelling.carry_out(documents)
        again = foretelling.plan(documents)
        assert {it["action"] for name in LISTS.values() for it in again[name]} == {"nothing"}
        assert not again["changes"]
        manifests.change()


def release(foretelling: Foretelling) -> None:
    """All resources go, and the server keeps everything."""
    kube, namespace = foretelling.shop.kube, foretelling.shop.namespace
    for kind, name in foretelling.objects():
        kube.patch(kind, name, namespace, {"spec": {"deletionPolicy": "Retain"}})
        kube.resource(kind).delete(name=name, namespace=namespace)
    eventually(lambda: not foretelling.objects(), "nothing is left in the cluster")


def exported(foretelling: Foretelling, workspace: str, folder: Path) -> list[dict[str, Any]]:
    """What `export --all` writes, with the values of the Secrets filled in."""
    file = folder / "workspace.yaml"
    file.write_text("\n---\n".join(map(json.dumps, (*workspaces(foretelling.shop), *secrets(PASSWORD)))))
    words: list[str | Path] = ["export", file, "--all", "--workspace", workspace]
    environment = {**os.environ, "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1"}
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=True, env=environment)
    assert PASSWORD not in done.stdout + done.stderr
    filled = re.sub(r"^#(  [^ :]+:)$", rf"\1 {PASSWORD}", done.stdout, flags=re.MULTILINE)
    found, broken = documents_of(filled)
    assert broken is None
    return [document.value for document in found]


@pytest.mark.parametrize("seed", range(2))
def test_what_is_exported_is_taken_over_as_foretold(shop: Tenant, plane: Plane, tmp_path: Path, seed: int) -> None:
    manifests, foretelling = Manifests(random.Random(seed)), Foretelling(shop, plane, tmp_path)  # noqa: S311 - no secret
    manifests.begin()
    foretelling.carry_out(manifests.documents())
    before = shop.sandbox.state()
    release(foretelling)
    documents = [it for workspace in WORKSPACES for it in exported(foretelling, workspace, tmp_path)]

    told = foretelling.carry_out(documents)

    assert {it["action"] for name in LISTS.values() for it in told[name]} == {"adopt"}
    assert not any(it["changes"] for it in told["syncs"])
    after = shop.sandbox.state()
    for name in LISTS.values():
        assert [row["id"] for row in after[name]] == [row["id"] for row in before[name]]
    again = foretelling.plan(documents)
    assert {it["action"] for name in LISTS.values() for it in again[name]} == {"nothing"}
    assert not again["changes"]


def test_what_cannot_be_done_is_not_done(shop: Tenant, plane: Plane, tmp_path: Path) -> None:
    manifests, foretelling = Manifests(random.Random(7)), Foretelling(shop, plane, tmp_path)  # noqa: S311 - no secret
    manifests.begin()
    here = {"workspaceRef": {"name": "default"}}
    manifests.specs[CONNECTOR_KIND, "unknown"] = SOURCE | here | {"connectorName": "Postgres"}
    misfit = {"configuration": SOURCE["configuration"] | {"port": {}}}
    manifests.specs[CONNECTOR_KIND, "misfit"] = SOURCE | here | misfit
    manifests.specs[CONNECTOR_KIND, "nowhere"] = DESTINATION | here | {"externalId": "4711"}
    model = {"query": "SELECT 1", "primaryKey": "id"} | here
    manifests.specs[MODEL_KIND, "waits"] = model | {"connectorRef": {"name": "unknown"}}
    manifests.specs[MODEL_KIND, "lost"] = model | {"connectorRef": {"name": "absent"}}

    told = foretelling.carry_out(manifests.documents())

    entries = [it for name in LISTS.values() for it in told[name] if it["action"] == "blocked"]
    blocked = {it["name"]: it["notes"][0].partition(":")[0] for it in entries}
    assert blocked == {
        "unknown": "InvalidSpec",
        "misfit": "InvalidSpec",
        "nowhere": "ExternalNotFound",
        "waits": "ReferenceNotReady",
        "lost": "ReferenceNotReady",
    }
    used = next(name for kind, name in manifests.specs if name.startswith("warehouse"))
    kept = [it for it in manifests.documents() if it["metadata"]["name"] != used]
    [gone] = [it for it in foretelling.plan(kept, "--prune")["connectors"] if it["action"] == "delete"]
    shop.kube.resource(CONNECTOR_KIND).delete(name=used, namespace=shop.namespace)
    reason, _, message = gone["waitsFor"].partition(": ")
    assert reason == "InUse"

    def waits() -> bool:
        ready = condition(foretelling.objects()[CONNECTOR_KIND, used])
        return bool((ready["reason"], ready["message"]) == (reason, message))

    eventually(waits, f"{used}: {gone['waitsFor']}")
