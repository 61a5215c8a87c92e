"""`export --all`: connectors and models as manifests, with a Secret to fill in for each value that is secret."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.caller import POSTGRESQL, SEED, Caller
from tests.support.judging import documents_of, judged
from tests.support.manifests import workspace_manifest
from tests.support.served import Served

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.cli import main
from sync_operator.syncapi.types import Dialect

MASK = "*" * 13
QUERY = "SELECT id, email FROM customers ORDER BY id"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", "127.0.0.1")


class Tool:
    """Runs the command as a user does."""

    def __init__(self, api: Served, folder: Path, capture: Any) -> None:
        self.folder, self._api, self._capture = folder, api, capture
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": "good"}}
        workspace = workspace_manifest("default", url=api.url, workspaceId="1")
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text("\n---\n".join(map(json.dumps, (workspace, secret))))

    async def __call__(self, *words: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        code = await asyncio.to_thread(main, ["export", str(self.workspace), "--all", *words])
        return (code, *self._capture.readouterr())


@pytest.fixture
def export(either: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(either, tmp_path, capsys)


def documents(text: str) -> list[dict[str, Any]]:
    found, broken = documents_of(text)
    assert broken is None
    return [document.value for document in found]


async def add_model(caller: Caller, connector: str, **changes: Any) -> str:
    made = await caller.model(**{"connector_id": int(connector), "name": "Customers", "query": QUERY, **changes})
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["id"])


async def connect(caller: Caller, **changes: Any) -> str:
    made = await caller.connect(**changes)
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["id"])


async def test_connectors_and_models_are_written_and_valid_without_a_secret(caller: Caller, export: Tool) -> None:
    source = await connect(caller, name="Warehouse (EU)")
    model = await add_model(caller, source)

    code, out, err = await export()

    assert (code, err) == (0, "1 connector, 1 model, 0 syncs exported\n")
    assert "planted" not in out
    assert MASK not in out
    secret, connector, exported = documents(out)
    assert (connector["kind"], connector["metadata"]["name"]) == (CONNECTOR_KIND, f"warehouse-eu-{source}")
    spec = connector["spec"]
    assert (spec["externalId"], spec["name"]) == (source, "Warehouse (EU)")
    assert (spec["connectorType"], spec["connectorName"]) == ("source", "Postgresql")
    password = spec["configuration"]["credentials"].pop("password")
    assert password == f"(in Secret warehouse-eu-{source}-configuration)"
    plain = {name: value for name, value in POSTGRESQL["credentials"].items() if name != "password"}
    assert spec["configuration"] == POSTGRESQL | {"credentials": plain}
    [entry] = spec["configurationSecrets"]
    assert entry["pointer"] == "/credentials/password"
    assert entry["secretKeyRef"]["name"] == secret["metadata"]["name"]
    assert f"#  {entry['secretKeyRef']['key']}:" in out
    assert secret["stringData"] is None, "a value that nobody has filled in must not be sent"
    assert (exported["kind"], exported["spec"]["externalId"]) == (MODEL_KIND, model)
    assert exported["spec"]["connectorRef"] == {"name": f"warehouse-eu-{source}"}
    assert (exported["spec"]["query"], exported["spec"]["primaryKey"]) == (QUERY, "id")
    assert judged(out).valid


async def test_a_secret_that_the_server_shows_is_not_written_either(caller: Caller, export: Tool) -> None:
    configuration = {"destination_url": "https://a.example", "headers": {"Authorization": "Bearer planted-token"}}
    await connect(caller, connector_type="destination", connector_name="Http", configuration=configuration)

    code, out, err = await export()

    assert code == 0
    assert "planted" not in out + err
    [pointer] = [it["pointer"] for it in documents(out)[-1]["spec"]["configurationSecrets"]]
    assert pointer == "/headers/Authorization"


async def test_the_operators_line_is_no_part_of_the_description(caller: Caller, export: Tool) -> None:
    mark = "Managed by sync-operator: 0c5f of cluster 77aa"
    await connect(caller, description=f"by hand\n{mark}")
    await connect(caller, name="Other", description=mark)

    _, out, _ = await export()

    told = [it["spec"].get("description") for it in documents(out) if it["kind"] == CONNECTOR_KIND]
    has_descriptions = caller.api.client.dialect is Dialect.MULTIWOVEN
    assert told == ["by hand" if has_descriptions else None, None]


async def test_what_no_manifest_can_say_is_left_out_and_named(caller: Caller, export: Tool) -> None:
    source = await connect(caller)
    await add_model(
        caller, source, query_type="dynamic_sql", configuration={"harvesters": [{}], "json_schema": {"a": 1}}
    )
    await add_model(caller, source, query="SELECT 1; SELECT 2")

    code, out, err = await export()

    assert code == 1
    assert "left out, because no manifest takes it over as it is: its query_type is dynamic_sql" in err
    assert "left out, because no manifest takes it over as it is: spec.query: has ';' before its end" in err
    assert "1 connector, 0 syncs exported, 2 left out" in err
    assert [it["kind"] for it in documents(out)] == ["Secret", CONNECTOR_KIND]


async def test_what_belongs_to_a_resource_is_left_out(caller: Caller, export: Tool) -> None:
    source = await connect(caller)
    await add_model(caller, source)
    status = {"id": source, "url": caller.api.url, "workspaceId": "1"}
    live = {"apiVersion": "squared.ai/v1", "kind": "Connector", "metadata": {"name": "db"}, "status": status}
    (export.folder / "live.yaml").write_text(json.dumps(live))

    code, out, err = await export("--live", str(export.folder / "live.yaml"))

    assert (code, err) == (0, "1 model, 0 syncs exported\n")
    [model] = documents(out)
    assert model["spec"]["connectorRef"] == {"name": "db"}


async def test_a_folder_gets_a_file_for_each_kind(caller: Caller, export: Tool) -> None:
    await add_model(caller, await connect(caller))
    folder = export.folder / "out"

    assert (await export("--output", str(folder)))[0] == 0
    assert sorted(file.name for file in folder.iterdir()) == ["connectors.yaml", "models.yaml"]


async def add_sync(caller: Caller, source: str, destination: str, model: str) -> str:
    kind = SEED if caller.api.client.dialect is Dialect.DOCUMENTED else {}
    ids = {"source_id": int(source), "destination_id": int(destination), "model_id": int(model)}
    made = await caller.create(**ids, **kind)
    assert made.status_code in {200, 201}, made.text
    body = made.json()
    return str(body.get("data", body)["id"])


async def whole_pipeline(caller: Caller) -> tuple[str, str, str, str]:
    """Ids of a source, a destination, a model and a sync."""
    source = await connect(caller, name="Warehouse")
    configuration = {"destination_url": "https://a.example", "headers": {}}
    destination = await connect(
        caller, name="CRM", connector_type="destination", connector_name="Http", configuration=configuration
    )
    caller.api.store.catalogs[int(destination)] = caller.api.store.catalogs[2]
    model = await add_model(caller, source)
    return source, destination, model, await add_sync(caller, source, destination, model)


async def test_what_is_exported_refers_to_each_other_by_name(caller: Caller, export: Tool) -> None:
    source, destination, model, sync = await whole_pipeline(caller)

    code, out, err = await export()

    assert (code, err) == (0, "2 connectors, 1 model, 1 sync exported\n")
    spec = documents(out)[-1]["spec"]
    assert spec["externalId"] == sync
    assert (spec["sourceRef"], spec["destinationRef"], spec["modelRef"]) == (
        {"name": f"warehouse-{source}"},
        {"name": f"crm-{destination}"},
        {"name": f"customers-{model}"},
    )
    assert not {"sourceId", "destinationId", "modelId"} & spec.keys()
    assert out.startswith("# Applying this creates nothing on the server. It writes to each connector and model once")
    assert judged(out).valid


async def test_what_is_left_out_is_referred_to_by_its_id(caller: Caller, export: Tool) -> None:
    source, destination, _, _ = await whole_pipeline(caller)
    broken = await add_model(caller, source, query="SELECT 1; SELECT 2")
    await add_sync(caller, source, destination, broken)

    code, out, _ = await export()

    assert code == 1
    spec = documents(out)[-1]["spec"]
    assert (spec["modelId"], spec["sourceRef"]) == (int(broken), {"name": f"warehouse-{source}"})


@pytest.mark.parametrize(("namespace", "named"), [("default", True), ("sales", False)])
async def test_a_resource_of_the_cluster_is_named_in_its_own_namespace_only(
    caller: Caller, export: Tool, namespace: str, named: bool
) -> None:
    source = await connect(caller)
    await add_model(caller, source)
    status = {"id": source, "url": caller.api.url, "workspaceId": "1"}
    metadata = {"name": "db", "namespace": "default"}
    live = {"apiVersion": "squared.ai/v1", "kind": "Connector", "metadata": metadata, "status": status}
    (export.folder / "live.yaml").write_text(json.dumps(live))

    _, out, _ = await export("--live", str(export.folder / "live.yaml"), "--namespace", namespace)

    [model] = documents(out)
    given = {name: value for name, value in model["spec"].items() if name.startswith("connector")}
    assert given == ({"connectorRef": {"name": "db"}} if named else {"connectorId": int(source)})


async def test_the_plan_for_what_was_exported_takes_everything_over_and_creates_nothing(
    caller: Caller, export: Tool, capsys: pytest.CaptureFixture[str]
) -> None:
    await whole_pipeline(caller)
    _, out, _ = await export()
    (export.folder / "exported.yaml").write_text(out)
    words = ["plan", str(export.workspace), str(export.folder / "exported.yaml"), "-o", "json"]

    code = await asyncio.to_thread(main, words)

    told = json.loads(capsys.readouterr().out)
    assert code == 10
    assert {it["action"] for kind in ("connectors", "models", "syncs") for it in told[kind]} == {"adopt"}
    marked = ["description"] if caller.api.client.dialect is Dialect.MULTIWOVEN else []
    written = {it["name"]: [change["field"] for change in it["changes"]] for it in told["connectors"]}
    assert sorted(written.values()) == sorted([marked, [*marked, "configuration/credentials/password"]])
    assert [[change["field"] for change in it["changes"]] for it in told["models"]] == [["description"]]
    assert [it["changes"] for it in told["syncs"]] == [[]]
