"""`plan` of whole pipelines against the sandbox: Connectors, Models and Syncs in the order of their references."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.caller import POSTGRESQL, Caller
from tests.support.manifests import REMOVED, connector_manifest, model_manifest, sync_manifest
from tests.support.planning import Planner, lines
from tests.support.served import BODY, Served

from sync_operator.domain.connector.secrets_digest import secrets_digest
from sync_operator.syncapi.types import Dialect

PLAIN: Final = POSTGRESQL | {
    "credentials": {name: value for name, value in POSTGRESQL["credentials"].items() if name != "password"}
}
PASSWORD: Final = {"pointer": "/credentials/password", "secretKeyRef": {"name": "warehouse", "key": "password"}}
READY: Final = {
    "type": "Ready",
    "status": "True",
    "reason": "Registered",
    "message": "m",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-11-30T00:00:00Z",
}
REGISTERED: Final = READY | {"type": "Registered"}
CLUSTER: Final = "77aa"
SHORTER: Final = "SELECT id FROM customers ORDER BY id"
QUERY: Final = "SELECT id, email FROM customers ORDER BY id"
CHANGED: Final = {
    "name": "customers",
    "connector_id": 11,
    "query": "SELECT 2",
    "query_type": "raw_sql",
    "primary_key": "id",
    "description": "",
}
MARK: Final = f"Managed by sync-operator: {{}} of cluster {CLUSTER}"


@pytest.fixture
def plan(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Planner:
    return Planner(caller.api, tmp_path, monkeypatch, capsys)


@pytest.fixture
def multiwoven(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Planner:
    return Planner(api, tmp_path, monkeypatch, capsys)


def source(name: str = "warehouse", **changes: Any) -> dict[str, Any]:
    spec = {"connectorType": "source", "connectorName": "Postgresql", "configurationSecrets": [PASSWORD]}
    return connector_manifest(name, **(spec | {"configuration": PLAIN} | changes))


def crm(name: str = "crm", **changes: Any) -> dict[str, Any]:
    return connector_manifest(name, **changes)


def model(name: str = "customers", **changes: Any) -> dict[str, Any]:
    return model_manifest(name, **({"query": QUERY} | changes))


def sync(api: Served, name: str = "orders", **changes: Any) -> dict[str, Any]:
    """A Sync that both dialects can say, of the pipeline."""
    refs = {"source": "warehouse", "destination": "crm", "model": "customers"}
    by_name = {f"{role}Id": REMOVED for role in refs} | {f"{role}Ref": {"name": name} for role, name in refs.items()}
    mapping = [{"from": "id", "to": "key", "mapping_type": "standard"}]
    kind = {"scheduleType": "automated", "syncInterval": 5, "syncIntervalUnit": "minutes"}
    schedule = kind if api.client.dialect is Dialect.DOCUMENTED else {}
    return sync_manifest(name, **(by_name | schedule | {"configuration": mapping} | changes))


def password(value: str = "planted") -> dict[str, Any]:
    metadata = {"name": "warehouse"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": value}}


def live(api: Served, manifest: dict[str, Any], remote_id: str, **status: Any) -> dict[str, Any]:
    """The object of a manifest that is registered."""
    name = manifest["metadata"]["name"]
    metadata = {"name": name, "uid": f"uid-{name}", "generation": 1, "annotations": {"squared.ai/cluster": CLUSTER}}
    there = {"id": remote_id, "url": api.url, "workspaceId": "1", "conditions": [READY, REGISTERED]}
    return manifest | {"metadata": metadata, "status": there | status}


def live_source(api: Served, remote_id: str, value: str = "planted", **changes: Any) -> dict[str, Any]:
    digest = secrets_digest({"/credentials/password": value}, "uid-warehouse")
    return live(api, source(**changes), remote_id, secretsDigest=digest)


async def has_source(caller: Caller, **changes: Any) -> str:
    made = await caller.connect(**({"name": "warehouse", "description": MARK.format("uid-warehouse")} | changes))
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["id"])


async def has_model(caller: Caller, connector: str, **changes: Any) -> str:
    fields: dict[str, Any] = {"connector_id": int(connector), "name": "customers", "query": QUERY, "primary_key": "id"}
    made = await caller.model(**(fields | {"description": MARK.format("uid-customers")} | changes))
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["id"])


def words(out: str) -> str:
    return " ".join(out.split())


async def test_a_whole_pipeline_is_created_in_the_order_of_its_references(plan: Planner) -> None:
    code, out, _ = await plan.run(sync(plan.api), model(), crm(), source(), password())

    told = lines(out)
    heads = [line.partition(":")[0] for line in told if line.endswith("is created")]
    assert code == 10
    assert heads == ["Connector crm", "Connector warehouse", "Model customers", "Sync orders"]
    assert "connectorId (after Connector 'warehouse' is created)" in told
    assert "modelId (after Model 'customers' is created)" in told
    assert "configuration/credentials/password (hidden)" in told
    assert "planted" not in out
    assert told[-1] == "plan: 4 to create; nothing was written"


def pipeline() -> tuple[dict[str, Any], ...]:
    """A source, a model and their Secret."""
    return (source(), model(), password())


async def registered(caller: Caller) -> list[dict[str, Any]]:
    """A source and a model on the server, and their objects in the cluster."""
    connector = await has_source(caller)
    there = await has_model(caller, connector)
    return [
        live_source(caller.api, connector),
        live(caller.api, model(), there, connectorId=int(connector), origin="Created"),
    ]


async def test_what_is_registered_as_it_is_written_is_unchanged(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)

    known = await plan.run(*pipeline(), live=there)
    unread = await plan.run(source(), model(), live=there)

    assert known[0] == unread[0] == 0
    assert lines(known[1]) == [
        "Connector warehouse: nothing to do, connector 11 is up to date",
        "Model customers: nothing to do, model 11 is up to date",
        "plan: 2 up to date; nothing was written",
    ]
    assert words(unread[1]).count("not compared: the secrets of Connector warehouse, of which no server tells") == 1


async def test_a_changed_secret_is_an_update_that_shows_nothing_of_it(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)

    code, out, _ = await plan.run(source(), model(), password("rotated"), live=there)

    assert code == 10
    assert "Connector warehouse: connector 11 is updated" in out
    assert "configuration/credentials/password (hidden) (hidden)" in lines(out)
    assert "its whole configuration is sent: a Secret in it has changed" in out
    assert "planted" not in out
    assert "rotated" not in out


async def test_changed_fields_of_each_kind_are_told(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)
    moved = source(configuration=PLAIN | {"host": "db2.example.com"}, check="OnChange")

    code, out, _ = await plan.run(moved, model(query=SHORTER), password(), live=there)

    assert code == 10
    told = lines(out)
    assert "configuration/host db.example.com db2.example.com" in told
    assert "check Never OnChange" in told
    assert f"query {QUERY} {SHORTER}" in told
    assert "the new query is in force from the next run of each Sync that uses the model" in words(out)


async def test_what_equals_a_manifest_and_is_nobodys_is_adopted(plan: Planner, caller: Caller) -> None:
    await has_model(caller, await has_source(caller))
    other = live(plan.api, crm("other"), "9")

    code, out, _ = await plan.run(*pipeline(), live=[other])

    assert code == 10
    assert "Connector warehouse: connector 11 is taken over" in out
    assert "configuration/credentials/password (hidden) (hidden)" in lines(out)
    assert "its whole configuration is sent: its secrets are not known" in out
    assert "Model customers: model 11 is taken over" in out
    assert "connector 11 equals it and belongs to no Connector: it is adopted instead of creating" in words(out)


async def test_without_the_live_objects_what_fits_is_assumed_to_be_its_own(plan: Planner, caller: Caller) -> None:
    await has_model(caller, await has_source(caller))

    code, out, _ = await plan.run(*pipeline())

    assert code == 0
    assert "assumed: connector 11 has the same name, type and definition, so the plan takes it" in words(out)
    assert "if this Connector was never applied, it is adopted" in words(out)
    assert "assumed: model 11 has the same name and source" in words(out)
    assert "not compared: the secrets of Connector warehouse" in words(out)


async def test_a_name_that_is_taken_is_refused(plan: Planner, caller: Caller) -> None:
    await has_source(caller, description=MARK.format("uid-of-another-cluster").replace(CLUSTER, "88bb"))
    there = live(plan.api, crm("other"), "9")
    moved = source(configuration=PLAIN | {"host": "db2.example.com"})

    code, out, _ = await plan.run(moved, model(), password(), live=[there])

    assert code == 1
    assert "Rejected: something else of that type has this name on the server already: it is connector 11" in words(out)
    assert "otherwise write another spec.name" in words(out)
    assert "Model customers: cannot be done" in out
    assert (
        "ReferenceNotReady: spec.connectorRef.name: Connector 'warehouse' is not Ready, and this Model waits for it: "
        "Rejected: something else" in words(out)
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"connectorName": "Postgres"}, "InvalidSpec: spec.connectorName:"),
        ({"configuration": PLAIN | {"port": {"a": "b"}}}, "InvalidSpec: spec.configuration"),
        ({"externalId": "77"}, "ExternalNotFound: spec.externalId: the server has no connector 77"),
    ],
)
async def test_what_would_stall_is_told_with_what_waits_for_it(
    plan: Planner, changes: dict[str, Any], said: str
) -> None:
    if plan.api.client.dialect is Dialect.DOCUMENTED and "externalId" not in changes:
        pytest.skip("the documented dialect tells no definitions")

    code, out, _ = await plan.run(sync(plan.api), model(), crm(), source(**changes), password())

    assert code == 1
    assert f"Connector warehouse: cannot be done - {said}" in words(out)
    assert "Model customers: cannot be done" in out
    assert "Sync orders: cannot be done" in out
    assert "and this Sync waits for it" in words(out)


async def test_a_query_that_its_source_does_not_take_is_refused(multiwoven: Planner) -> None:
    code, out, _ = await multiwoven.run(source(), model(queryType="soql"), password())

    assert code == 1
    assert "Model customers: cannot be done - InvalidSpec: spec.queryType:" in words(out)


async def test_a_sync_takes_the_ids_of_what_is_there(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)

    code, out, _ = await plan.run(sync(plan.api), *pipeline(), crm(), live=there)

    assert code == 10
    assert {"sourceId 11", "modelId 11", "destinationId (after Connector 'crm' is created)"} <= set(lines(out))


async def test_the_key_of_a_model_in_use_is_not_changed(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)
    status = {"id": "5", "url": plan.api.url, "workspaceId": "1", "modelId": 11}
    user = sync_manifest("orders") | {"status": status}

    used = await plan.run(source(), model(primaryKey="email"), password(), live=[*there, user])
    unused = await plan.run(source(), model(primaryKey="email"), password(), live=there)

    assert (used[0], unused[0]) == (1, 10)
    assert "InvalidSpec: spec.primaryKey: model 11 has 'id'" in used[1]
    assert "primaryKey id email" in lines(unused[1])


async def test_a_query_of_a_config_map_is_compared_where_the_input_has_it(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)
    by_ref = model(query=REMOVED, queryFrom={"configMapKeyRef": {"name": "queries", "key": "q"}})
    texts = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "queries"}, "data": {"q": "SELECT 1"}}

    absent = await plan.run(source(), by_ref, password(), live=there)
    there_too = await plan.run(source(), by_ref, password(), texts, live=there)
    fresh = await plan.run(source(), by_ref | {"metadata": {"name": "new"}}, password(), live=there)

    assert (absent[0], there_too[0], fresh[0]) == (10, 10, 10)  # queryFrom itself is a change in the cluster
    assert "model 11 stays as it is on the server" in absent[1]
    assert "that are not in the input are assumed to be as they are on the server" in words(absent[1])
    assert f"query {QUERY} SELECT 1" in lines(there_too[1])
    assert "query (of ConfigMap queries)" in lines(fresh[1])


async def test_what_is_gone_on_the_server_is_created_again_with_all_that_it_carried(
    plan: Planner, caller: Caller
) -> None:
    there = await registered(caller)
    assert (await caller("DELETE", "/connectors/11")).status_code < 300

    code, out, _ = await plan.run(*pipeline(), live=there)

    assert code == 10
    assert "Connector warehouse: its connector was deleted on the server, and is created again" in out
    assert "Model customers: its model was deleted on the server, and is created again" in out
    assert "connectorId (after Connector 'warehouse' is created)" in lines(out)


@pytest.mark.parametrize(("policy", "code"), [("Correct", 10), ("Ignore", 0), ("Report", 1)])
async def test_drift_is_corrected_left_or_reported_as_the_policy_says(
    plan: Planner, caller: Caller, policy: str, code: int
) -> None:
    there = await registered(caller)
    wanted = model(driftPolicy=policy)
    there[1] |= {"spec": wanted["spec"]}
    assert (await caller("PUT", "/models/11", {"model": CHANGED})).status_code == 200

    told = await plan.run(source(), wanted, password(), live=there)

    assert told[0] == code
    assert ("DriftFound: changed on the server" in told[1]) is (policy == "Report")


async def test_programs_get_each_kind_in_its_list(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)

    code, out, _ = await plan.run(sync(plan.api), source(), model(), crm(), live=there, options=["-o", "json"])

    told = json.loads(out)
    assert (code, told["formatVersion"], told["changes"]) == (10, 1, True)
    assert [(it["name"], it["action"], it["id"]) for it in told["connectors"]] == [
        ("warehouse", "nothing", "11"),
        ("crm", "create", None),
    ]
    assert [it["secretsCompared"] for it in told["connectors"]] == [False, True]
    rotated = await plan.run(source(), model(), password("rotated"), live=there, options=["-o", "json"])
    [sent] = json.loads(rotated[1])["connectors"][0]["changes"]
    assert sent == {"field": "configuration/credentials/password", "old": "(hidden)", "new": "(hidden)"}
    assert [(it["name"], it["action"]) for it in told["models"]] == [("customers", "nothing")]
    [wanted] = told["syncs"]
    assert {"field": "destinationId", "new": "(after Connector 'crm' is created)"} in wanted["changes"]
    assert {"field": "sourceId", "new": 11} in wanted["changes"]


async def test_pruning_tells_the_order_and_who_would_lose_a_sync(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)
    kind = {"schedule_type": "automated", "sync_interval": 5, "sync_interval_unit": "minutes"}
    schedule = kind if plan.api.client.dialect is Dialect.DOCUMENTED else {}
    plan.api.store.any_ids = True
    made = await plan.api.client.syncs.create(BODY | {"source_id": 11, "model_id": 11} | schedule)
    plan.api.store.any_ids = False
    own = sync_manifest("orders") | {"status": {"id": made.id, "url": plan.api.url, "workspaceId": "1", "modelId": 11}}

    free = await plan.run(live=[*there, own], options=["--prune"])
    used = await plan.run(live=there, options=["--prune"])
    kept = await plan.run(live=[there[0] | {"spec": source(deletionPolicy="Retain")["spec"]}], options=["--prune"])
    by_input = await plan.run(model(), live=there, options=["--prune"])
    told = await plan.run(live=there, options=["--prune", "-o", "json"])

    assert free[0] == 10, free[1]
    assert lines(free[1]) == [
        f"Sync orders: is deleted, and with it sync {made.id} on the server",
        "Model customers: is deleted, and with it model 11 on the server",
        "Connector warehouse: is deleted, and with it connector 11 on the server",
        "plan: 3 to delete; nothing was written",
    ]
    assert used[0] == 1
    assert f"InUse: model 11 is used by sync {made.id}, which the server would delete with it" in words(used[1])
    assert "InUse: connector 11 is used by Model customers, which the server would delete with it" in words(used[1])
    assert "plan: 2 whose deletion waits; nothing was written" in used[1]
    assert (kept[0], "connector 11 stays on the server" in kept[1]) == (10, True)
    assert by_input[0] == 1
    assert "InUse: connector 11 is used by Model customers" in words(by_input[1])
    [deleted] = json.loads(told[1])["models"]
    assert (deleted["action"], deleted["waitsFor"].partition(":")[0]) == ("delete", "InUse")


async def test_a_server_that_cannot_be_read_leaves_deletions_in_doubt(plan: Planner, caller: Caller) -> None:
    there = await registered(caller)
    plan.environment.setenv("SYNC_API_TOKEN", "wrong")

    code, out, _ = await plan.run(live=there, options=["--prune"])

    assert code == 1
    assert "what uses it on the server is not known: Workspace default: " in words(out)
