import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.bad_manifests import BAD_SYNCS, BAD_WORKSPACES, GOOD_SYNCS, GOOD_WORKSPACES, Bad, Judge
from tests.support.manifests import BY_NAME, REMOVED, sync_manifest, workspace_manifest
from tests.support.plane import Kube, Plane, Refusal, running_plane

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.statuses.run_status import LastRun, RecentRun, RowCounts
from sync_operator.api.statuses.status import SyncStatus, WorkspaceStatus
from sync_operator.api.statuses.status_fields import Condition, to_dict
from sync_operator.api.validation.strict_validation import read_sync_spec, read_workspace_spec
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.effective_schedule import effective_schedule

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONG = "x" * 32_768


def named(cases: tuple[Bad, ...], judge: Judge) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in cases if case.judge is judge]


def assert_names(refusal: Refusal, field: str, words: str) -> None:
    assert field in refusal.fields or f'"{field}"' in refusal.message
    assert words in refusal.message


@pytest.mark.parametrize("case", named(BAD_SYNCS, Judge.SERVER))
def test_bad_syncs_are_refused_with_field_and_remedy(kube: Kube, namespace: str, case: Bad) -> None:
    with pytest.raises(Refusal) as refused:
        kube.create(case.sync, namespace)

    assert_names(refused.value, case.field, case.words)
    assert "evaluating rule" not in refused.value.message, "no rule fails on what another one refuses"


@pytest.mark.parametrize("case", named(BAD_SYNCS, Judge.OPERATOR))
def test_what_only_the_operator_can_judge_is_taken_and_named_by_it(kube: Kube, namespace: str, case: Bad) -> None:
    taken = kube.create(case.sync, namespace)

    with pytest.raises(InvalidSpecError) as invalid:
        effective_schedule(read_sync_spec(taken["spec"]), namespace, case.name)
    assert invalid.value.field == case.field
    assert case.words in str(invalid.value)


@pytest.mark.parametrize("case", named(BAD_WORKSPACES, Judge.SERVER))
def test_bad_workspaces_are_refused_with_field_and_remedy(kube: Kube, namespace: str, case: Bad) -> None:
    with pytest.raises(Refusal) as refused:
        kube.create(case.workspace, namespace)

    assert_names(refused.value, case.field, case.words)


@pytest.mark.parametrize("name", GOOD_SYNCS)
def test_good_syncs_are_taken_and_can_be_read(kube: Kube, namespace: str, name: str) -> None:
    manifest = sync_manifest(name, **GOOD_SYNCS[name])

    taken = kube.create(manifest, namespace)

    assert taken["spec"]["configuration"] == manifest["spec"]["configuration"]
    assert taken["status"]["observedGeneration"] == -1
    assert read_sync_spec(taken["spec"]) == read_sync_spec(manifest["spec"])
    effective_schedule(read_sync_spec(taken["spec"]), namespace, name)


@pytest.mark.parametrize("name", GOOD_WORKSPACES)
def test_good_workspaces_are_taken_and_can_be_read(kube: Kube, namespace: str, name: str) -> None:
    manifest = workspace_manifest(name, **GOOD_WORKSPACES[name])

    taken = kube.create(manifest, namespace)

    assert taken["status"]["observedGeneration"] == -1
    assert read_workspace_spec(taken["spec"]) == read_workspace_spec(manifest["spec"])


FIXED = [
    pytest.param({}, {"sourceId": 9}, "spec.sourceId", id="source"),
    pytest.param({}, {"destinationId": 9}, "spec.destinationId", id="destination"),
    pytest.param({}, {"modelId": 9}, "spec.modelId", id="model"),
    pytest.param({}, {"streamName": "other"}, "spec.streamName", id="stream"),
    pytest.param({}, {"workspaceRef": {"name": "other"}}, "spec.workspaceRef.name", id="workspace"),
    pytest.param({}, {"cursorField": "at"}, "spec.cursorField", id="cursor-added"),
    pytest.param({"cursorField": "at"}, {"cursorField": "on"}, "spec.cursorField", id="cursor-changed"),
    pytest.param({"cursorField": "at"}, {"cursorField": None}, "spec.cursorField", id="cursor-removed"),
    pytest.param({}, {"externalId": "43"}, "spec.externalId", id="external"),
    pytest.param({"externalId": "42"}, {"externalId": "43"}, "spec.externalId", id="external-changed"),
]


@pytest.mark.parametrize(("spec", "change", "field"), FIXED)
def test_what_is_fixed_once_registered_is_free_before(
    kube: Kube, namespace: str, spec: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    for name in ("before", "after"):
        kube.create(sync_manifest(name, **spec), namespace)
    kube.patch_status(SYNC_KIND, "after", namespace, {"id": "42"})

    kube.patch(SYNC_KIND, "before", namespace, {"spec": change})
    with pytest.raises(Refusal) as refused:
        kube.patch(SYNC_KIND, "after", namespace, {"spec": change})

    assert_names(refused.value, field, "registered (status.id is set)")
    assert "; " in refused.value.message


NAMED: dict[str, Any] = {name: None if value is REMOVED else value for name, value in BY_NAME.items()}
IDS: dict[str, Any] = {"sourceId": 1, "destinationId": 2, "modelId": 3}
UNNAMED: dict[str, Any] = {"sourceRef": None, "destinationRef": None, "modelRef": None}


def registered_with(kube: Kube, namespace: str, spec: dict[str, Any], **ids: int) -> None:
    kube.create(sync_manifest("orders", **spec), namespace)
    kube.patch_status(SYNC_KIND, "orders", namespace, {"id": "42", **ids})


def test_an_id_may_become_a_name_and_the_same_id_again(kube: Kube, namespace: str) -> None:
    registered_with(kube, namespace, {}, **IDS)

    for change in (NAMED, {"modelRef": {"serverName": "Another"}}, UNNAMED | IDS):
        kube.patch(SYNC_KIND, "orders", namespace, {"spec": change})


@pytest.mark.parametrize("role", ["source", "destination", "model"])
def test_a_name_may_become_no_other_id_than_the_registered_one(kube: Kube, namespace: str, role: str) -> None:
    registered_with(kube, namespace, BY_NAME, **IDS)
    unnamed = {f"{role}Ref": None}

    with pytest.raises(Refusal) as refused:
        kube.patch(SYNC_KIND, "orders", namespace, {"spec": unnamed | {f"{role}Id": 9}})
    assert_names(refused.value, f"spec.{role}Id", "is fixed once the sync is registered")

    kube.patch(SYNC_KIND, "orders", namespace, {"spec": unnamed | {f"{role}Id": IDS[f"{role}Id"]}})


def test_where_the_status_tells_no_ids_a_name_may_become_any_and_an_id_no_other(kube: Kube, namespace: str) -> None:
    registered_with(kube, namespace, {"sourceId": REMOVED, "sourceRef": {"serverName": "Warehouse"}})

    kube.patch(SYNC_KIND, "orders", namespace, {"spec": {"sourceRef": None, "sourceId": 9}})
    with pytest.raises(Refusal):
        kube.patch(SYNC_KIND, "orders", namespace, {"spec": {"sourceId": 8}})


def test_no_status_is_refused_where_it_says_other_ids_than_the_spec(kube: Kube, namespace: str) -> None:
    registered_with(kube, namespace, {}, sourceId=9, destinationId=8, modelId=7)

    kube.patch_status(SYNC_KIND, "orders", namespace, {"serverStatus": "healthy"})
    kube.patch(SYNC_KIND, "orders", namespace, {"spec": {"sourceId": 9, "suspend": True}})


@pytest.mark.parametrize(
    "change",
    [
        {"externalId": "42"},
        {"externalId": None},
        {"workspaceRef": None},
        {"configuration": {"other": "field"}},
        {"syncMode": "incremental", "scheduleType": "automated", "cronExpression": "@daily"},
        {"suspend": True, "run": {"retries": 1}},
    ],
)
def test_what_is_not_fixed_can_be_changed_once_registered(kube: Kube, namespace: str, change: dict[str, Any]) -> None:
    kube.create(sync_manifest("orders", cursorField="at"), namespace)
    kube.patch_status(SYNC_KIND, "orders", namespace, {"id": "42"})

    kube.patch(SYNC_KIND, "orders", namespace, {"spec": change})


FULL = SyncStatus(
    observed_generation=3,
    id="42",
    workspace_id="7",
    url="https://api.example.com",
    origin="Adopted",
    source_id=2**62,
    destination_id=2,
    model_id=3,
    server_status="healthy",
    effective_schedule="@every 45m",
    time_zone="Etc/UTC",
    next_runs=(NOW,) * 5,
    cron_job="orders",
    last_run=LastRun(
        id="99",
        trigger="Schedule",
        status="success",
        verdict="rows refused",
        started_at=NOW,
        finished_at=NOW,
        duration_seconds=0,
        rows=RowCounts(queried=2**40, total=3, succeeded=2, failed=1),
        message=LONG,
        job="orders-29000000",
    ),
    recent_runs=(RecentRun(id="99", verdict="rows refused", rows=RowCounts(), reasons=("x" * 1024,) * 3),) * 10,
    last_success_at=NOW,
    last_handled_run_request=LONG[:253],
    health="Unknown",
    message=LONG,
    drift=("streamName: a → b",) * 64,
    conditions=tuple(
        Condition(type=f"Type{number}", status="False", reason="Because", message=LONG, last_transition_time=NOW)
        for number in range(16)
    ),
)


@pytest.mark.parametrize("external", [None, "41"])
def test_no_status_of_the_operator_is_ever_refused(kube: Kube, namespace: str, external: str | None) -> None:
    kube.create(sync_manifest("orders", **({"externalId": external} if external else {})), namespace)

    written = kube.patch_status(SYNC_KIND, "orders", namespace, to_dict(FULL))["status"]
    again = kube.patch_status(SYNC_KIND, "orders", namespace, {"id": "43", "nextRuns": None})["status"]

    assert written == to_dict(FULL)
    assert again["id"] == "43"


def test_no_status_of_a_workspace_is_ever_refused(kube: Kube, namespace: str) -> None:
    kube.create(workspace_manifest("default"), namespace)
    status = WorkspaceStatus(
        observed_generation=1,
        dialect="Multiwoven",
        user="someone@example.com",
        role="Admin",
        syncs=10_000,
        token_secret="default-token",
        message="all fine",
        conditions=FULL.conditions,
    )

    assert kube.patch_status(WORKSPACE_KIND, "default", namespace, to_dict(status))["status"] == to_dict(status)


def test_syncs_can_be_selected_by_workspace(kube: Kube, namespace: str) -> None:
    kube.create(sync_manifest("one"), namespace)
    kube.create(sync_manifest("two", workspaceRef={"name": "prod"}), namespace)

    found = kube.resource(SYNC_KIND).get(namespace=namespace, field_selector="spec.workspaceRef.name=prod")

    assert [entry.metadata.name for entry in found.items] == ["two"]


def test_kubectl_apply_shows_the_sentence(plane: Plane, namespace: str) -> None:
    manifest = sync_manifest("orders", scheduleType="automated")

    done = plane.kubectl("apply", "--namespace", namespace, "-f", "-", stdin=json.dumps(manifest))

    assert done.returncode == 1
    assert "spec.scheduleType" in done.stderr
    assert "set cronExpression, or syncInterval with its unit, or use 'manual'" in done.stderr


def test_kubectl_get_shows_the_columns(plane_binary: Path, tmp_path: Path) -> None:
    ready = Condition(type="Ready", status="True", reason="Scheduled", message="all fine", last_transition_time=NOW)
    status = FULL.model_copy(update={"health": "False", "message": "1 of 3 refused", "conditions": (ready,)})
    # A plane of its own: the controller of other tests would write the truth over this status.
    with running_plane(plane_binary, tmp_path) as plane:
        kube = Kube(plane.kubeconfig)
        kube.create(sync_manifest("orders"), "default")
        kube.create(workspace_manifest("default"), "default")
        unseen = plane.kubectl("get", "syncs,workspaces", "-o", "wide").stdout
        kube.patch_status(SYNC_KIND, "orders", "default", to_dict(status))
        kube.close()

        short = plane.kubectl("get", "sy").stdout.splitlines()
        wide = plane.kubectl("get", "squared", "-o", "wide").stdout.splitlines()
        unhealthy = plane.kubectl("get", "syncs", "-A", "--field-selector", "status.health=False").stdout
        healthy = plane.kubectl("get", "syncs", "-A", "--field-selector", "status.health=True").stdout

    assert unseen.count("no operator has looked at it yet") == 2
    assert unseen.count("kubectl get deployments -A -l app.kubernetes.io/name=sync-operator") == 2
    assert short[0].split("  ")[0] == "NAME"
    assert " ".join(short[0].split()) == "NAME READY STATUS HEALTHY SCHEDULE LAST RUN NEXT AGE"
    assert " ".join(short[1].split()).startswith(
        "orders True Scheduled False @every 45m rows refused 2026-01-31T12:00:00Z "
    )
    assert " ".join(wide[0].split()).endswith("AGE ID ROWS OK ROWS FAILED WORKSPACE MESSAGE")
    assert " ".join(wide[1].split()).endswith(" 42 2 1 default 1 of 3 refused")
    assert "orders" in unhealthy
    assert healthy == ""


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (
            "sync.spec",
            ["sourceId", "sourceRef", "scheduleType", "configuration", "syncMode", "cronExpression", "freshness"],
        ),
        ("sync.spec.run", ["timeout", "retries", "maxFailedRowsPercent", "pod"]),
        ("sync.spec.run.pod", ["resources", "tolerations", "priorityClassName"]),
        ("sync.spec.configurationSecrets", ["pointer", "secretKeyRef"]),
        ("sync.spec.sourceRef", ["name", "serverName"]),
        ("sync.status", ["sourceId", "nextRuns", "lastRun", "conditions", "drift"]),
        ("workspace.spec", ["url", "auth", "requestsPerMinute"]),
        ("workspace.status", ["dialect", "syncs", "tokenSecret"]),
    ],
)
def test_kubectl_explains_every_field(plane: Plane, path: str, fields: list[str]) -> None:
    done = plane.kubectl("explain", path)

    assert done.returncode == 0, done.stderr
    assert "<no description>" not in done.stdout
    assert "<empty>" not in done.stdout
    for field in fields:
        assert field in done.stdout
