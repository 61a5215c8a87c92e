"""`plan` against the sandbox: what it says, and that it writes nothing."""

import asyncio
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.manifests import BY_NAME, REMOVED, sync_manifest, workspace_manifest
from tests.support.planning import Planner, lines, token_secret
from tests.support.served import BODY, Served

from sync_operator.cli import main
from sync_operator.syncapi.types import Dialect

MAPPING = [{"from": "id", "to": "key", "mapping_type": "standard"}]
AS_CREATED: dict[str, Any] = {"configuration": MAPPING, "streamName": "orders"}


def sync(api: Served, name: str = "orders", **changes: Any) -> dict[str, Any]:
    """A Sync that both dialects can say."""
    if api.client.dialect is Dialect.DOCUMENTED:
        changes = {"scheduleType": "automated", "syncInterval": 5, "syncIntervalUnit": "minutes", **changes}
    return sync_manifest(name, **(AS_CREATED | changes))


def body(api: Served, **changes: Any) -> dict[str, Any]:
    kind = {"schedule_type": "automated", "sync_interval": 5, "sync_interval_unit": "minutes"}
    return BODY | (kind if api.client.dialect is Dialect.DOCUMENTED else {}) | changes


@pytest.fixture
def plan(
    either: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Planner:
    return Planner(either, tmp_path, monkeypatch, capsys)


@pytest.fixture
def multiwoven(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Planner:
    return Planner(api, tmp_path, monkeypatch, capsys)


async def test_a_sync_that_nothing_fits_is_created_and_every_field_told(plan: Planner) -> None:
    code, out, _ = await plan.run(sync(plan.api))

    assert code == 10
    assert "Sync orders: a sync is created" in out
    told = lines(out)
    assert {"sourceId 1", "streamName orders", "configuration/0/from id", "configuration/0/to key"} <= set(told)
    assert told[-1] == "plan: 1 to create; nothing was written"


async def test_what_the_server_holds_already_is_taken_for_this_syncs_and_said_so(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))

    code, out, _ = await plan.run(sync(plan.api))

    assert code == 0
    assert "Sync orders: nothing to do on the server, sync 1 is up to date" in out
    assert "not looked at: what changes in the cluster alone" in out
    assert "pass --live FILE" in " ".join(out.split())
    assert "assumed: sync 1 has all values of the manifest" in out
    assert "Set spec.externalId, or pass --live" in out


def by_resource(api: Served, **changes: Any) -> dict[str, Any]:
    """A Sync whose source is a Connector of the cluster."""
    return sync(api, sourceId=REMOVED, sourceRef={"name": "warehouse"}, **changes)


def connector(status: Mapping[str, Any] | None = None) -> dict[str, Any]:
    spec = {"connectorType": "source", "connectorName": "Postgresql", "configuration": {"host": "db"}}
    metadata = {"name": "warehouse", "generation": 1}
    kind = {"apiVersion": "squared.ai/v1", "kind": "Connector", "metadata": metadata, "spec": spec}
    return kind | ({"status": status} if status else {})


async def test_the_id_of_a_connector_is_that_of_its_live_object(plan: Planner) -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Registered", "observedGeneration": 1}
    other = sync(plan.api, "other", streamName="x")
    told = ready | {"lastTransitionTime": "2026-11-30T00:00:00Z", "message": "m"}

    code, out, _ = await plan.run(by_resource(plan.api), live=[connector({"id": "1", "conditions": [told]}), other])
    waiting = await plan.run(by_resource(plan.api), live=[connector({"id": "1"}), other])

    assert (code, waiting[0]) == (10, 1)
    assert "sourceId 1" in lines(out)
    words = " ".join(waiting[1].split())
    assert "ReferenceNotReady: spec.sourceRef.name: Connector 'warehouse' is not Ready" in words


async def test_a_sync_of_a_connector_that_is_nowhere_waits(plan: Planner) -> None:
    code, out, _ = await plan.run(by_resource(plan.api))

    assert code == 1
    assert "ReferenceNotReady: spec.sourceRef.name: there is no Connector 'warehouse'" in " ".join(out.split())


async def test_a_changed_field_is_an_update_told_field_by_field(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))
    changed = [{"from": "id", "to": "other", "mapping_type": "standard"}]

    code, out, _ = await plan.run(sync(plan.api, configuration=changed))

    assert code == 10
    assert "Sync orders: sync 1 is updated" in out
    assert "configuration/0/to key other" in lines(out)
    assert "assumed: sync 1 has the same source, destination, model and stream" in out


async def test_the_live_objects_tell_which_sync_is_whose(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))
    await plan.api.client.syncs.create(body(plan.api))
    status = {"id": "2", "url": plan.api.url, "workspaceId": "1"}
    live = sync(plan.api) | {"status": status}

    known = await plan.run(sync(plan.api, streamName="orders"), live=(live,))
    unknown = await plan.run(sync(plan.api, "fresh"), live=(live,))
    own = await plan.run(live)

    assert known[0] == own[0] == 0
    assert "nothing to do, sync 2 is up to date" in known[1]
    assert "assumed:" not in known[1] + own[1] + unknown[1]
    assert "Sync fresh: sync 1 is taken over unchanged" in unknown[1]
    assert "sync 1 equals it and belongs to no Sync: it is adopted" in " ".join(unknown[1].split())


async def test_two_syncs_alike_do_not_adopt_the_same_one(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))
    other = sync(plan.api, "other", streamName="other")

    _, out, _ = await plan.run(sync(plan.api, "one"), sync(plan.api, "two"), live=[other])

    assert "Sync one: sync 1 is taken over unchanged" in out
    assert "Sync two: a sync is created" in out


async def test_a_sync_that_is_to_make_its_own_is_created_beside_an_equal_one(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))
    other = sync(plan.api, "other", streamName="other")

    code, out, _ = await plan.run(sync(plan.api, adoptionPolicy="Create"), live=[other])

    assert code == 10
    assert "Sync orders: a sync is created" in out


@pytest.mark.parametrize(
    ("policy", "words"),
    [("AdoptOrCreate", "it is adopted"), ("Create", "a second sync is created beside it")],
)
async def test_without_the_live_objects_it_says_what_happens_to_one_that_is_new(
    plan: Planner, policy: str, words: str
) -> None:
    await plan.api.client.syncs.create(body(plan.api))

    _, out, _ = await plan.run(sync(plan.api, adoptionPolicy=policy))

    assert f"if this Sync was never applied, {words}" in " ".join(out.split())


async def test_what_belongs_to_a_sync_of_the_cluster_is_not_taken_over(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))
    elder = sync(plan.api, "elder") | {"status": {"id": "1", "url": plan.api.url, "workspaceId": "1"}}

    code, out, _ = await plan.run(sync(plan.api, "younger", externalId="1"), live=[elder])

    assert code == 1
    words = " ".join(out.split())
    assert "Conflict: spec.externalId: sync 1 already belongs to Sync default/elder; delete one of the two" in words
    own = await plan.run(elder, live=[elder])
    assert own[0] == 0


async def test_two_syncs_do_not_take_the_same_one(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))

    code, out, _ = await plan.run(sync(plan.api, "one"), sync(plan.api, "two"))

    assert code == 10
    assert "Sync one: nothing to do on the server, sync 1 is up to date" in out
    assert "Sync two: a sync is created" in out


async def test_several_that_are_alike_are_named_and_none_is_taken(plan: Planner) -> None:
    for name in ("a", "b"):
        await plan.api.client.syncs.create(
            body(plan.api, configuration=[{"from": name, "to": name, "mapping_type": "standard"}])
        )

    code, out, _ = await plan.run(sync(plan.api))

    assert code == 10
    assert "a sync is created" in out
    assert "sync 1 or 2 on the server has the same source, destination, model and stream" in out


async def test_adoption_tells_what_it_changes_and_whether_it_changes_anything(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))

    same = await plan.run(sync(plan.api, externalId="1"))
    other = await plan.run(sync(plan.api, externalId="1", configuration=[*MAPPING, MAPPING[0] | {"to": "more"}]))

    assert (same[0], other[0]) == (0, 10)
    assert "sync 1 is taken over unchanged" in same[1]
    assert "configuration/1" in other[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"externalId": "7"}, "ExternalNotFound: spec.externalId: the server has no sync 7"),
        (
            {"externalId": "1", "streamName": "people"},
            "Conflict: spec.streamName: sync 1 (spec.externalId) has another",
        ),
    ],
)
async def test_an_adoption_that_would_stall_says_why(plan: Planner, changes: dict[str, Any], words: str) -> None:
    await plan.api.client.syncs.create(body(plan.api))

    code, out, _ = await plan.run(sync(plan.api, **changes))

    assert code == 1
    assert "cannot be done" in out
    assert words in out


async def test_a_sync_deleted_on_the_server_is_created_anew_or_blocked_as_its_policy_says(plan: Planner) -> None:
    status = {"id": "9", "url": plan.api.url, "workspaceId": "1"}

    corrected = await plan.run(sync(plan.api) | {"status": status})
    reported = await plan.run(sync(plan.api, driftPolicy="Report") | {"status": status})
    elsewhere = await plan.run(sync(plan.api) | {"status": status | {"workspaceId": "2"}})

    assert (corrected[0], reported[0], elsewhere[0]) == (10, 1, 1)
    assert "its sync was deleted on the server, and is created again" in corrected[1]
    assert "DriftFound" in reported[1]
    assert "WorkspaceChanged" in elsewhere[1]


async def test_taking_over_a_server_schedule_is_told(multiwoven: Planner) -> None:
    made = {"schedule_type": "interval", "sync_interval": 5, "sync_interval_unit": "minutes"}
    await multiwoven.api.client.syncs.create(BODY | made)

    code, out, _ = await multiwoven.run(sync(multiwoven.api, externalId="1"))

    assert code == 10
    assert "scheduleType interval manual" in lines(out)
    assert "the server's own schedule is ended" in out


async def test_enabling_is_a_change_and_a_passive_policy_is_told(multiwoven: Planner) -> None:
    await multiwoven.api.client.syncs.create(BODY)
    await multiwoven.api.client.set_enabled("1", False)
    status = {"id": "1", "url": multiwoven.api.url, "workspaceId": "1"}

    code, out, _ = await multiwoven.run(sync(multiwoven.api, driftPolicy="Ignore") | {"status": status})

    assert code == 10
    assert "status disabled enabled" in lines(out)
    assert "driftPolicy Ignore: this is only written when the spec has changed" in out


SECRET_ITEM = [{"from": "a", "to": "b", "mapping_type": "vector", "embedding_config": {"mode": "x"}}]
WITH_SECRET: dict[str, Any] = {
    "configuration": SECRET_ITEM,
    "configurationSecrets": [
        {"pointer": "/0/embedding_config/api_key", "secretKeyRef": {"name": "keys", "key": "embedding"}}
    ],
}


def keys(value: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"embedding": value}}


async def test_values_of_secrets_are_compared_but_never_shown(plan: Planner) -> None:
    held = [SECRET_ITEM[0] | {"embedding_config": {"mode": "x", "api_key": "old-s3cr3t"}}]
    await plan.api.client.syncs.create(body(plan.api, configuration=held))
    manifest = sync(plan.api, externalId="1", **WITH_SECRET)

    unread = await plan.run(manifest)
    same = await plan.run(manifest, keys("old-s3cr3t"))
    other = await plan.run(manifest, keys("new-s3cr3t"))
    fresh = await plan.run(sync(plan.api, "fresh", destinationId=4, **WITH_SECRET), keys("new-s3cr3t"))

    assert [code for code, _, _ in (unread, same, other, fresh)] == [0, 0, 10, 10]
    assert "values from Secrets that are not in the input are assumed to be as they are" in unread[1]
    assert "configuration/0/embedding_config/api_key (hidden) (hidden)" in lines(other[1])
    assert "configuration/0/embedding_config/api_key (hidden)" in lines(fresh[1])
    assert not any("s3cr3t" in out + err for _, out, err in (unread, same, other, fresh))


async def test_the_environment_stands_in_for_a_workspace_that_is_not_in_the_input(plan: Planner) -> None:
    nowhere = await plan.run(sync(plan.api), alone=True)
    plan.environment.setenv("SYNC_API_URL", plan.api.url)
    tokenless = await plan.run(sync(plan.api), alone=True)
    plan.environment.setenv("SYNC_API_TOKEN", "good")
    plan.environment.setenv("SYNC_API_WORKSPACE_ID", "1")
    good = await plan.run(sync(plan.api), alone=True)

    assert [nowhere[0], tokenless[0], good[0]] == [1, 1, 10]
    assert "add its manifest, or set SYNC_API_URL" in nowhere[1]
    assert "SYNC_API_TOKEN: not set" in tokenless[1]


async def test_a_token_of_the_environment_goes_to_the_server_that_it_is_for_and_to_no_other(plan: Planner) -> None:
    plan.environment.setenv("SYNC_API_URL", "https://other.example.com")
    plan.environment.setenv("SYNC_API_TOKEN", "for-the-other")

    code, _, _ = await plan.run(sync(plan.api))

    assert code == 10  # with the Secret's token: the other one would have been answered 401
    assert {status for _, _, status in plan.api.seen()} <= {200, 404}


async def test_credentials_that_are_nowhere_are_asked_for(plan: Planner) -> None:
    plan.spec["auth"] = {"tokenSecretRef": {"name": "elsewhere"}}

    code, out, _ = await plan.run(sync(plan.api))

    assert code == 1
    assert "Workspace default: spec.auth.tokenSecretRef.name: Secret 'elsewhere' is not in the input" in out
    assert "or set SYNC_API_TOKEN" in out


async def test_a_login_workspace_logs_in_and_says_what_that_does(multiwoven: Planner) -> None:
    multiwoven.api.store.passwords["ci@example.com"] = "pass-s3cr3t"
    multiwoven.spec["auth"] = {"tokenSecretRef": REMOVED, "loginSecretRef": {"name": "login"}}
    login = {"email": "ci@example.com", "password": "pass-s3cr3t"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": login}

    code, out, err = await multiwoven.run(secret, sync(multiwoven.api))

    assert code == 10
    assert "logging in as ci@example.com, which ends this user's other sessions" in err
    assert "s3cr3t" not in out + err


async def test_a_refusal_of_the_server_is_no_plan(plan: Planner) -> None:
    plan.environment.setenv("SYNC_API_TOKEN", "wrong")

    code, out, _ = await plan.run(sync(plan.api))

    assert code == 1
    assert "Sync orders: unknown; Workspace default: " in out
    assert "401" in out


async def test_what_the_environment_gave_is_named_by_its_variable(multiwoven: Planner) -> None:
    refused = []
    for name, value in (
        ("SYNC_API_TOKEN", "wrong"),
        ("SYNC_API_WORKSPACE_ID", "77"),
        ("SYNC_API_URL", f"{multiwoven.api.url}/api/v1"),
    ):
        good = {"SYNC_API_URL": multiwoven.api.url, "SYNC_API_TOKEN": "good", "SYNC_API_WORKSPACE_ID": "1"}
        for variable, given in (good | {name: value}).items():
            multiwoven.environment.setenv(variable, given)
        refused.append(await multiwoven.run(sync(multiwoven.api), alone=True))
    multiwoven.environment.setenv("SYNC_API_URL", multiwoven.api.url)
    multiwoven.environment.setenv("SYNC_API_TOKEN", "wrong")
    beside = await multiwoven.run(sync(multiwoven.api))

    assert [code for code, _, _ in refused] == [1, 1, 1]
    assert "put a valid one into SYNC_API_TOKEN" in refused[0][1]
    assert "set SYNC_API_WORKSPACE_ID to" in refused[1][1]
    assert "check SYNC_API_URL, which is written without /api/v1" in refused[2][1]
    assert "put a valid one into SYNC_API_TOKEN" in beside[1]


async def test_a_pause_that_the_server_asks_for_is_kept(plan: Planner) -> None:
    plan.api.fault(path="/syncs", status=429, retry_after="1")

    code, out, err = await plan.run(sync(plan.api))

    assert (code, err) == (10, "")
    assert "1 to create" in out
    assert 429 in {status for _, _, status in plan.api.seen()}


async def test_what_is_wrong_with_a_server_is_told_once(plan: Planner) -> None:
    plan.environment.setenv("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", "")

    code, out, _ = await plan.run(sync(plan.api), sync(plan.api, "people"), sync(plan.api, "things"))

    assert code == 1
    variable = "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS"
    words = f"spec.url: must be https, unless {variable}, here and of the operator, names 127.0.0.1"
    assert out.splitlines() == [
        f"Sync orders: unknown; Workspace default: {words}",
        "Sync people: unknown; for the same reason",
        "Sync things: unknown; for the same reason",
        "plan: 3 unknown; nothing was written",
    ]


async def test_invalid_manifests_are_shown_and_nothing_is_asked(plan: Planner) -> None:
    code, out, err = await plan.run(sync(plan.api, sourceId=0))

    assert (code, out, plan.api.seen()) == (1, "", [])
    assert "spec.sourceId: 0 is too small" in err
    assert "no server was contacted" in err


async def test_a_suspended_workspace_is_sent_nothing_by_the_operator(plan: Planner) -> None:
    plan.spec["suspend"] = True

    code, out, _ = await plan.run(sync(plan.api))

    assert code == 1
    assert "Workspace 'default' is suspended" in out


async def test_programs_get_json(plan: Planner, capsys: pytest.CaptureFixture[str]) -> None:
    file = plan.write("all.yaml", workspace_manifest("default", **plan.spec), token_secret(), sync(plan.api))

    code = await asyncio.to_thread(main, ["plan", file, "-o", "json"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["changes"], told["syncs"][0]["action"]) == (10, True, "create")
    assert told["formatVersion"] == 1
    changes = told["syncs"][0]["changes"]
    assert {"field": "streamName", "new": "orders"} in changes
    assert {"field": "sourceId", "new": 1} in changes


async def test_changes_of_the_cluster_alone_are_told_by_what_it_holds(plan: Planner) -> None:
    await plan.api.client.syncs.create(body(plan.api))
    status = {"id": "1", "url": plan.api.url, "workspaceId": "1"}
    live = sync(plan.api, timeZone="UTC", run={"retries": 1}) | {"status": status}
    changed = sync(plan.api, suspend=True, deletionPolicy="Retain", run={"retries": 2})

    code, out, _ = await plan.run(changed, live=[live])

    assert code == 10
    assert f"Sync orders: changes in the cluster; sync {status['id']} stays as it is on the server" in out
    assert ["deletionPolicy", "(none)", "Retain"] in [line.split() for line in out.splitlines()]
    assert ["suspend", "false", "true"] in [line.split() for line in out.splitlines()]
    assert ["run/retries", "1", "2"] in [line.split() for line in out.splitlines()]
    assert "plan: 1 to change in the cluster; nothing was written" in out
    same = await plan.run(live, live=[live])
    assert (same[0], "not looked at" in same[1]) == (0, False)
    alone = await plan.run(changed)
    assert (alone[0], "not looked at" in alone[1]) == (0, True)


@pytest.mark.parametrize(
    ("spec", "origin", "words"),
    [
        ({}, "Created", "is deleted, and with it sync 7 on the server"),
        ({}, "Adopted", "is deleted; sync 7 stays on the server"),
        ({"deletionPolicy": "Delete"}, "Adopted", "is deleted, and with it sync 7 on the server"),
        ({"deletionPolicy": "Retain"}, "Created", "is deleted; sync 7 stays on the server"),
    ],
)
def test_what_is_pruned_is_told_with_what_goes_on_the_server(
    spec: dict[str, Any], origin: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, live = tmp_path / "none.yaml", tmp_path / "live.yaml"
    file.write_text("# all Syncs were removed\n")
    status = {"id": "7", "url": "https://a.b", "origin": origin}
    live.write_text(json.dumps(sync_manifest("gone", **spec) | {"status": status}))

    assert main(["plan", str(file), "--live", str(live)]) == 0
    assert main(["plan", str(file), "--live", str(live), "--prune"]) == 10
    out = capsys.readouterr().out
    assert f"Sync gone: {words}" in out
    assert "plan: 1 to delete; nothing was written" in out
    assert main(["plan", str(file), "--live", str(live), "--prune", "-o", "json"]) == 10
    told = json.loads(capsys.readouterr().out)["syncs"]
    assert [(each["action"], each["name"], each["id"]) for each in told] == [("delete", "gone", "7")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no Connector, Model, Sync or Workspace"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "holds no Connector, Model, Sync or Workspace"),
        ("# README\n\nHello: there\n", "holds no Connector, Model, Sync or Workspace"),
        ("a: b: c\n", "cannot be read as YAML"),
        (json.dumps(sync_manifest("x")) + "\n---\na: [\n", "cannot be read as YAML"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "export"])
def test_a_live_file_that_tells_nothing_is_wrong_usage(
    command: str, text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, live = tmp_path / "all.yaml", tmp_path / "live.yaml"
    file.write_text(json.dumps(sync_manifest("x")))
    live.write_text(text)

    assert main([command, str(file), "--live", str(live)]) == 2
    assert words in capsys.readouterr().err


def test_pruned_workspaces_are_told_with_who_still_needs_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, live = tmp_path / "all.yaml", tmp_path / "live.yaml"
    file.write_text("# all was removed\n")
    live.write_text("\n---\n".join(json.dumps(workspace_manifest(name, url="https://a.b")) for name in ("new", "old")))

    assert main(["plan", str(file), "--live", str(live)]) == 0
    assert main(["plan", str(file), "--live", str(live), "--prune"]) == 10
    out = capsys.readouterr().out
    assert "Workspace old: is deleted; nothing on the server goes with it" in out
    assert "plan: 2 Workspaces to delete; nothing was written" in out

    kept = (workspace_manifest("new", url="https://a.b"), sync_manifest("orders", workspaceRef={"name": "old"}))
    file.write_text("\n---\n".join(map(json.dumps, kept)))
    main(["plan", str(file), "--live", str(live), "--prune", "-o", "json"])
    [told] = json.loads(capsys.readouterr().out)["workspaces"]
    assert (told["action"], told["name"], told["usedBy"]) == ("delete", "old", ["orders"])
    main(["plan", str(file), "--live", str(live), "--prune"])
    words = " ".join(capsys.readouterr().out.split())
    assert "Workspace old: is deleted, though 1 resource of the input refers to it (Sync orders)" in words


async def test_what_cannot_be_read_of_the_cluster_is_said(plan: Planner) -> None:
    wanted = sync(plan.api)
    live = wanted | {"spec": wanted["spec"] | {"syncInterval": "soon"}}

    code, out, _ = await plan.run(wanted, live=[live])

    assert code == 10
    assert "what changes in the cluster alone is not known: of what the cluster holds, spec.syncInterval" in out


def test_pruning_needs_what_the_cluster_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(tmp_path), "--prune"]) == 2
    assert "--prune needs --live" in capsys.readouterr().err


async def test_no_sync_is_no_change(plan: Planner) -> None:
    assert await plan.run() == (0, "plan: nothing in the input; nothing was written\n", "")


@pytest.mark.parametrize("words", [["nowhere.yaml"], ["-", "--live", "nowhere.yaml"]])
async def test_files_that_are_not_there_are_wrong_usage(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))

    assert await asyncio.to_thread(main, ["plan", *words]) == 2
    assert "nowhere.yaml: No such file" in capsys.readouterr().err


async def test_certificates_come_from_the_input_or_from_the_environment(plan: Planner) -> None:
    plan.spec["caSecretRef"] = {"name": "ca"}
    missing = await plan.run(sync(plan.api))
    ca = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca"}, "stringData": {"ca.crt": "no certificate"}}
    unusable = await plan.run(ca, sync(plan.api))
    plan.environment.setenv("SYNC_API_URL", plan.api.url)
    plan.environment.setenv("SYNC_API_TOKEN", "good")
    plan.environment.setenv("SYNC_API_CA_FILE", "nowhere.pem")
    unread = await plan.run(sync(plan.api), alone=True)

    assert [code for code, _, _ in (missing, unusable, unread)] == [1, 1, 1]
    assert "spec.caSecretRef.name: Secret 'ca' is not in the input" in missing[1]
    assert "spec.caSecretRef: holds no certificate in PEM form" in unusable[1]
    assert "SYNC_API_CA_FILE: nowhere.pem cannot be read" in unread[1]


def give_names(api: Served) -> None:
    for number, (kind, name) in enumerate((("source", "Warehouse"), ("destination", "CRM"), ("model", "Customers")), 1):
        api.store.add_named(kind, number, name)


async def test_names_are_looked_up_and_shown_as_the_ids_that_are_written(plan: Planner) -> None:
    give_names(plan.api)

    code, out, _ = await plan.run(sync(plan.api, **BY_NAME), sync(plan.api, "second", **BY_NAME))

    assert code == 10
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert [lines.count(line) for line in ("sourceId 1", "destinationId 2", "modelId 3")] == [2, 2, 2]
    asked = [path for _, path, _ in plan.api.seen()]
    assert (asked.count("/connectors"), asked.count("/models")) == (2, 1)


async def test_ids_are_looked_up_as_the_controller_does(plan: Planner) -> None:
    code, out, _ = await plan.run(sync(plan.api, sourceId=2))

    assert code == 1
    assert "spec.sourceId" in out


async def test_ids_are_not_looked_up_where_the_server_has_no_lists(plan: Planner) -> None:
    plan.api.fault(path="/connectors", status=404, times=-1)

    code, _, _ = await plan.run(sync(plan.api))

    assert code == 10


async def test_by_name_a_sync_that_holds_the_ids_is_taken_for_its_own(plan: Planner) -> None:
    give_names(plan.api)
    await plan.api.client.syncs.create(body(plan.api))

    code, out, _ = await plan.run(sync(plan.api, **BY_NAME))

    assert (code, "nothing to do on the server, sync 1 is up to date" in out) == (0, True)


async def test_a_name_that_leads_nowhere_is_told_with_what_was_meant(plan: Planner) -> None:
    give_names(plan.api)
    await plan.api.client.syncs.create(body(plan.api))

    code, out, _ = await plan.run(sync(plan.api, **BY_NAME | {"modelRef": {"serverName": "Custmers"}}))

    assert code == 1
    assert "InvalidSpec: spec.modelRef.serverName" in out
    assert "did you mean 'Customers' (id 3)?" in " ".join(out.split())


async def test_a_name_that_leads_elsewhere_than_what_was_registered_is_told(plan: Planner) -> None:
    give_names(plan.api)
    await plan.api.client.syncs.create(body(plan.api))
    status = {"id": "1", "url": plan.api.url, "workspaceId": "1", "sourceId": 9, "destinationId": 2, "modelId": 3}
    live = sync(plan.api, **BY_NAME) | {"status": status}

    code, out, _ = await plan.run(sync(plan.api, **BY_NAME), live=[live])

    assert code == 1
    assert "Conflict: spec.sourceRef.serverName: 'Warehouse' is source 1" in " ".join(out.split())
