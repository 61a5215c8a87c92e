"""A real controller, and Connectors with every definition of both dialects: what is masked is no drift, nor shown."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import Final

import httpx
import pytest
from kubernetes import client
from tests.support import planted
from tests.support.definition_values import MadeConnector, connectors_of_all_definitions
from tests.support.manifests import workspace_manifest
from tests.support.pipeline import create
from tests.support.plane import Kube, Plane
from tests.support.running import PROGRAM, TOKEN, Controller, Sandbox, eventually
from tests.support.syncs import MAPPING, Tenant, is_ready

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, SYNC_KIND, WORKSPACE_KIND

pytestmark = pytest.mark.timeout(300)

CONNECTORS: Final = 200
"""Of both dialects together."""
SHOWN: Final = ((CONNECTOR_KIND, API_VERSION), (SYNC_KIND, API_VERSION), (WORKSPACE_KIND, API_VERSION))
AS_WELL: Final = (("CronJob", "batch/v1"), ("Event", "v1"))


@pytest.fixture
def teams(kube: Kube, server: Sandbox, documented: Sandbox, controller: Controller) -> Iterator[list[Tenant]]:  # noqa: ARG001 - it runs
    """A tenant of a server of each dialect."""
    found = []
    for sandbox in (server, documented):
        sandbox.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})
        name = f"test-{token_hex(4)}"
        kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
        tenant = Tenant(kube, name, sandbox)
        tenant.connect()
        found.append(tenant)
    yield found
    for tenant in found:
        kube.drop_namespace(tenant.namespace)


def objects(tenant: Tenant, kind: str, api_version: str = API_VERSION) -> list[dict[str, object]]:
    return list(tenant.kube.resource(kind, api_version).get(namespace=tenant.namespace).to_dict()["items"])


def apply(tenant: Tenant, made: list[MadeConnector]) -> None:
    for each in made:
        secret = client.V1Secret(metadata=client.V1ObjectMeta(name=each.name), string_data=dict(each.secrets))
        tenant.kube.core.create_namespaced_secret(tenant.namespace, secret)
        create(tenant, CONNECTOR_KIND, each.name, **each.spec)


def sync_with_secret(tenant: Tenant, made: list[MadeConnector]) -> None:
    """A Sync with a CronJob, whose configuration has a value from a Secret."""
    ids = {kind: registered(tenant, made, kind) for kind in ("source", "destination")}
    body = {"connector_id": ids["source"], "name": "m", "query": "SELECT id FROM t ORDER BY id", "primary_key": "id"}
    answer = tenant.sandbox.call("POST", "/models", model=body | {"query_type": "raw_sql"})
    assert answer.is_success, answer.text
    tenant.secret(planted.CONFIGURATION, "of-sync", "value")
    tenant.ready(
        sourceId=ids["source"], destinationId=ids["destination"], modelId=int(answer.json()["data"]["id"]),
        scheduleType="automated", syncInterval=90, syncIntervalUnit="minutes", streamName="contacts",
        configuration=[{**MAPPING[0], "embedding_config": {"mode": "x"}}],
        configurationSecrets=[
            {"pointer": "/0/embedding_config/api_key", "secretKeyRef": {"name": "of-sync", "key": "value"}}
        ],
    )  # fmt: skip


def registered(tenant: Tenant, made: list[MadeConnector], kind: str) -> int:
    """The server's id of a Connector with Postgresql as a source, or Hubspot as a destination."""
    definition = {"source": "Postgresql", "destination": "Hubspot"}[kind]
    name = next(
        each.name for each in made if (each.spec["connectorType"], each.spec["connectorName"]) == (kind, definition)
    )
    return int(tenant.kube.get(CONNECTOR_KIND, name, tenant.namespace)["status"]["id"])


def more_comparisons(tenant: Tenant, count: int) -> None:
    seen = len(tenant.sandbox.requests("GET", "/connectors"))
    eventually(lambda: len(tenant.sandbox.requests("GET", "/connectors")) >= seen + count, "comparisons")


def each_of(teams: list[Tenant], do: Callable[[Tenant], object]) -> None:
    with ThreadPoolExecutor(len(teams)) as threads:
        list(threads.map(do, teams))


def command(tenant: Tenant, folder: Path, *words: str, manifests: list[dict[str, object]]) -> str:
    """What a command prints for manifests, with the Workspace and its token."""
    workspace = workspace_manifest("default", url=tenant.sandbox.url, workspaceId="1")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": TOKEN}}
    file = folder / f"{tenant.namespace}.yaml"
    file.write_text("\n---\n".join(map(json.dumps, (workspace, secret, *manifests))))
    environment = {**os.environ, "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1"}
    done = subprocess.run(
        [PROGRAM, words[0], file, *words[1:]], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout, done.stderr
    return done.stdout + done.stderr


def exported_lines(texts: list[tuple[str, str]]) -> list[str]:
    return [line for name, text in texts if name == "export" for line in text.splitlines()]


def test_nothing_is_written_while_nothing_changes_and_no_secret_is_shown(
    teams: list[Tenant], plane: Plane, controller: Controller, metrics_port: int, tmp_path: Path
) -> None:
    made = connectors_of_all_definitions(CONNECTORS)
    of_team = dict(zip(teams, (made[::2], made[1::2]), strict=True))
    each_of(teams, lambda tenant: apply(tenant, of_team[tenant]))
    for tenant in teams:
        eventually(lambda: all(map(is_ready, objects(tenant, CONNECTOR_KIND))), "all Connectors to be ready")  # noqa: B023
        sync_with_secret(tenant, of_team[tenant])
        tenant.told("Scheduled")
    each_of(teams, lambda tenant: more_comparisons(tenant, 2))  # and all that the creates have caused is written

    since = plane.audit_log.stat().st_size
    for tenant in teams:
        tenant.sandbox.forget_requests()
    each_of(teams, lambda tenant: more_comparisons(tenant, 3))

    for tenant in teams:
        assert {entry["method"] for entry in tenant.sandbox.requests()} == {"GET"}
        assert plane.operator_writes(since, tenant.namespace) == []

    for tenant in teams:
        changed = next(each for each in of_team[tenant] if each.secrets["key-0"].startswith(planted.CONFIGURATION))
        tenant.secret(planted.ROTATED, changed.name, "key-0")
        eventually(lambda: tenant.sandbox.requests("PUT"), "the changed Secret to be sent")  # noqa: B023
    each_of(teams, lambda tenant: more_comparisons(tenant, 2))
    for tenant in teams:
        assert len([entry for entry in tenant.sandbox.requests() if entry["method"] != "GET"]) == 1

    texts = [("log", controller.log.read_text())]
    texts += [("metrics", httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False).text)]
    for tenant in teams:
        for kind, api_version in (*SHOWN, *AS_WELL):
            found = objects(tenant, kind, api_version)
            assert found, kind
            texts.append((kind, json.dumps(found, indent=1)))
        exported = command(tenant, tmp_path, "export", "--all", manifests=[])
        planned = command(tenant, tmp_path, "plan", manifests=objects(tenant, SYNC_KIND))
        texts += [("export", exported), ("plan", planned)]
    # What the server shows, an export of it shows: only the manifest knows that it is secret.
    shown = [f"export: {line}" for line in exported_lines(texts) if planted.AUTHORITY in line]
    assert [line for line in planted.found(texts) if line not in shown] == []
