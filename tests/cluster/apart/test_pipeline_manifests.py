"""Connectors and Models before a real API server: what it takes, refuses and shows, and that this process agrees."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from tests.support.bad_manifests import Bad, Judge
from tests.support.bad_pipelines import BAD_CONNECTORS, BAD_MODELS, GOOD_CONNECTORS, GOOD_MODELS, PIECES
from tests.support.manifests import REMOVED, connector_manifest, model_manifest
from tests.support.plane import Kube, Plane, Refusal, running_plane

from sync_operator.api.base import Model
from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.rules.query_text import query_faults
from sync_operator.api.statuses.status import (
    MAX_DISCOVERED,
    ConnectorStatus,
    ConnectorUse,
    ModelStatus,
    ModelUse,
)
from sync_operator.api.statuses.status_fields import Condition, to_dict
from sync_operator.api.validation.strict_validation import read_connector_spec, read_model_spec
from sync_operator.errors import InvalidSpecError

NOW: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONG: Final = "x" * 32_768
KINDS: Final = (CONNECTOR_KIND, MODEL_KIND)
MANIFEST: Final[Mapping[str, Callable[..., dict[str, Any]]]] = {
    CONNECTOR_KIND: connector_manifest,
    MODEL_KIND: model_manifest,
}
READ: Final[Mapping[str, Callable[[Mapping[str, Any]], Model]]] = {
    CONNECTOR_KIND: read_connector_spec,
    MODEL_KIND: read_model_spec,
}
BAD: Final = [(CONNECTOR_KIND, case) for case in BAD_CONNECTORS] + [(MODEL_KIND, case) for case in BAD_MODELS]
GOOD: Final = [
    pytest.param(kind, MANIFEST[kind](name, **changes), id=f"{kind}-{name}")
    for kind, each in ((CONNECTOR_KIND, GOOD_CONNECTORS), (MODEL_KIND, GOOD_MODELS))
    for name, changes in each.items()
]


def judged_by(judge: Judge) -> list[Any]:
    return [pytest.param(kind, case, id=f"{kind}-{case.name}") for kind, case in BAD if case.judge is judge]


def manifest_of(kind: str, case: Bad) -> dict[str, Any]:
    return case.connector if kind == CONNECTOR_KIND else case.model


def assert_names(refusal: Refusal, field: str, words: str) -> None:
    assert field in refusal.fields or f'"{field}"' in refusal.message
    assert words in refusal.message


@pytest.mark.parametrize(("kind", "case"), judged_by(Judge.SERVER))
def test_a_bad_manifest_is_refused_with_field_and_remedy(kube: Kube, namespace: str, kind: str, case: Bad) -> None:
    with pytest.raises(Refusal) as refused:
        kube.create(manifest_of(kind, case), namespace)

    assert_names(refused.value, case.field, case.words)
    assert "evaluating rule" not in refused.value.message, "no rule fails on what another one refuses"


@pytest.mark.parametrize(("kind", "case"), judged_by(Judge.OPERATOR))
def test_what_only_the_operator_can_judge_is_taken_and_named_by_it(
    kube: Kube, namespace: str, kind: str, case: Bad
) -> None:
    taken = kube.create(manifest_of(kind, case), namespace)

    with pytest.raises(InvalidSpecError) as invalid:
        READ[kind](taken["spec"])
    assert invalid.value.field == case.field
    assert case.words in str(invalid.value)


@pytest.mark.parametrize(("kind", "manifest"), GOOD)
def test_a_good_manifest_is_taken_and_can_be_read(
    kube: Kube, namespace: str, kind: str, manifest: dict[str, Any]
) -> None:
    taken = kube.create(manifest, namespace)

    assert taken["spec"].get("configuration") == manifest["spec"].get("configuration")
    assert taken["status"]["observedGeneration"] == -1
    assert READ[kind](taken["spec"]) == READ[kind](manifest["spec"])


def refusal_of(kube: Kube, manifest: dict[str, Any]) -> str:
    """What the API server says of a Model; empty where it takes it."""
    try:
        kube.dry_run(json.dumps(manifest), MODEL_KIND, "default")
    except Refusal as refusal:
        return refusal.message
    return ""


@given(query=PIECES)
@settings(max_examples=1000, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_server_and_operator_agree_on_queries_that_nobody_thought_of(kube: Kube, query: str) -> None:
    manifest = model_manifest("x", query=query)
    expected = {message.split(" (line ")[0] for message in query_faults(query)} if query else {"at least 1 chars"}

    refused = refusal_of(kube, manifest)

    assert bool(refused) is bool(expected)
    for words in expected:
        assert words in refused


BY_ID: Final = {"connectorRef": REMOVED, "connectorId": 5}
FIXED: Final = [
    pytest.param(CONNECTOR_KIND, {}, {"connectorType": "source"}, "spec.connectorType", id="type"),
    pytest.param(CONNECTOR_KIND, {}, {"connectorName": "Hubspot"}, "spec.connectorName", id="definition"),
    pytest.param(CONNECTOR_KIND, {}, {"workspaceRef": {"name": "b"}}, "spec.workspaceRef.name", id="workspace"),
    pytest.param(CONNECTOR_KIND, {}, {"externalId": "43"}, "spec.externalId", id="external"),
    pytest.param(MODEL_KIND, BY_ID, {"connectorId": 9}, "spec.connectorId", id="connector"),
    pytest.param(MODEL_KIND, {}, {"workspaceRef": {"name": "b"}}, "spec.workspaceRef.name", id="model-workspace"),
    pytest.param(MODEL_KIND, {"externalId": "42"}, {"externalId": "43"}, "spec.externalId", id="model-external"),
    pytest.param(MODEL_KIND, {}, {"primaryKey": "email"}, "spec.primaryKey", id="key"),
]


@pytest.mark.parametrize(("kind", "spec", "change", "field"), FIXED)
def test_what_is_fixed_once_registered_is_free_before(
    kube: Kube, namespace: str, kind: str, spec: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    for name in ("before", "after"):
        kube.create(MANIFEST[kind](name, **spec), namespace)
    kube.patch_status(kind, "after", namespace, {"id": "42", "usedBy": {"syncs": 1}})

    kube.patch(kind, "before", namespace, {"spec": change})
    with pytest.raises(Refusal) as refused:
        kube.patch(kind, "after", namespace, {"spec": change})

    assert_names(refused.value, field, "(status.")
    assert "; " in refused.value.message


def test_a_primary_key_that_was_changed_before_its_users_were_counted_can_be_put_back(
    kube: Kube, namespace: str
) -> None:
    kube.create(MANIFEST[MODEL_KIND]("one", primaryKey="email"), namespace)
    entry = {"type": "Registered", "reason": "InvalidSpec", "lastTransitionTime": "2026-12-01T00:00:00Z"}
    used = {"id": "42", "usedBy": {"syncs": 1}}
    kube.patch_status(MODEL_KIND, "one", namespace, used | {"conditions": [entry | {"status": "False"}]})
    kube.patch(MODEL_KIND, "one", namespace, {"spec": {"primaryKey": "id"}})

    kube.patch_status(MODEL_KIND, "one", namespace, used | {"conditions": [entry | {"status": "True"}]})
    with pytest.raises(Refusal) as refused:
        kube.patch(MODEL_KIND, "one", namespace, {"spec": {"primaryKey": "email"}})
    assert_names(refused.value, "spec.primaryKey", "(status.usedBy)")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (CONNECTOR_KIND, {"name": "other", "description": "new", "configuration": {"host": "b"}, "externalId": "42"}),
        (CONNECTOR_KIND, {"discover": "Never", "check": "OnChange", "deletionPolicy": "Retain", "workspaceRef": None}),
        (MODEL_KIND, {"name": "other", "query": "SELECT 2", "queryType": "dbt", "preview": "OnChange"}),
        (MODEL_KIND, {"primaryKey": "email", "connectorRef": {"name": "renamed"}}),
        (MODEL_KIND, {"connectorRef": None, "connectorId": 5}),
        (MODEL_KIND, {"query": None, "queryFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}),
    ],
)
def test_what_is_not_fixed_can_be_changed_once_registered(
    kube: Kube, namespace: str, kind: str, change: dict[str, Any]
) -> None:
    kube.create(MANIFEST[kind]("one"), namespace)
    kube.patch_status(kind, "one", namespace, {"id": "42", "connectorId": 5} if kind == MODEL_KIND else {"id": "42"})

    kube.patch(kind, "one", namespace, {"spec": change})


def test_a_reference_may_become_no_other_id_than_the_registered_one(kube: Kube, namespace: str) -> None:
    kube.create(model_manifest("one"), namespace)
    kube.patch_status(MODEL_KIND, "one", namespace, {"id": "42", "connectorId": 5})

    with pytest.raises(Refusal) as refused:
        kube.patch(MODEL_KIND, "one", namespace, {"spec": {"connectorRef": None, "connectorId": 6}})
    assert_names(refused.value, "spec.connectorId", "is fixed once the model is registered")


COMMON: Final[dict[str, Any]] = {
    "observed_generation": 3,
    "id": "42",
    "workspace_id": "7",
    "url": "https://api.example.com",
    "registered_at": NOW,
    "account": "9",
    "origin": "Adopted",
    "drift": ("name: a → b",) * 64,
    "message": LONG,
    "conditions": tuple(
        Condition(type=f"Type{number}", status="False", reason="Because", message=LONG, last_transition_time=NOW)
        for number in range(8)
    ),
}
FULL: Final[Mapping[str, Model]] = {
    CONNECTOR_KIND: ConnectorStatus(
        **COMMON,
        definition="Postgresql",
        streams=("x" * 1024,) * MAX_DISCOVERED,
        stream_count=2**40,
        secrets_digest="sha256:" + "0" * 64,
        server_updated_at=NOW.replace(microsecond=1),
        last_handled_discover_request=LONG[:253],
        used_by=ConnectorUse(models=1, syncs=10_000),
    ),
    MODEL_KIND: ModelStatus(
        **COMMON,
        connector_id=2**62,
        columns=("x" * 1024,) * MAX_DISCOVERED,
        column_count=10_000,
        used_by=ModelUse(syncs=3),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("external", [None, "41"])
def test_no_status_of_the_operator_is_ever_refused(kube: Kube, namespace: str, kind: str, external: str | None) -> None:
    kube.create(MANIFEST[kind]("one", **({"externalId": external} if external else {})), namespace)

    written = kube.patch_status(kind, "one", namespace, to_dict(FULL[kind]))["status"]
    again = kube.patch_status(kind, "one", namespace, {"id": "43", "usedBy": None})["status"]

    assert written == to_dict(FULL[kind])
    assert again["id"] == "43"


@pytest.fixture(scope="module")
def alone(plane_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A cluster of its own: a controller would write the truth over what this says."""
    with running_plane(plane_binary, tmp_path_factory.mktemp("alone")) as plane:
        yield plane


def test_kubectl_get_shows_the_columns(alone: Plane) -> None:
    ready = Condition(type="Ready", status="True", reason="Registered", message="fine", last_transition_time=NOW)
    kube = Kube(alone.kubeconfig)
    kube.create(connector_manifest("crm"), "default")
    kube.create(model_manifest("customers"), "default")
    kube.create(model_manifest("orders", connectorRef={"name": REMOVED, "serverName": "Warehouse"}), "default")
    unseen = alone.kubectl("get", "connectors,models", "-o", "wide").stdout
    for kind, name in ((CONNECTOR_KIND, "crm"), (MODEL_KIND, "customers")):
        status = FULL[kind].model_copy(update={"message": "all is well", "conditions": (ready,)})
        kube.patch_status(kind, name, "default", to_dict(status))
    kube.close()

    connectors = alone.kubectl("get", "sconn", "-o", "wide").stdout.splitlines()
    models = alone.kubectl("get", "smod", "-o", "wide").stdout.splitlines()
    short = [alone.kubectl("get", name).stdout.splitlines()[0].split() for name in ("sconn", "smod")]
    everything = alone.kubectl("get", "squared").stdout
    selected = alone.kubectl("get", "models", "--field-selector", "spec.workspaceRef.name=prod").stdout

    assert unseen.count("no operator has looked at it yet") == 3
    assert short == [
        ["NAME", "READY", "STATUS", "TYPE", "DEFINITION", "AGE"],
        ["NAME", "READY", "STATUS", "TYPE", "CONNECTOR", "AGE"],
    ]
    assert connectors[0].split()[-4:] == ["ID", "STREAMS", "WORKSPACE", "MESSAGE"]
    assert connectors[1].split()[:5] == ["crm", "True", "Registered", "destination", "Http"]
    assert " ".join(connectors[1].split()).endswith(f" 42 {2**40} default all is well")
    assert models[1].split()[:5] == ["customers", "True", "Registered", "raw_sql", "warehouse"]
    assert models[2].split()[1:3] == ["raw_sql", "Warehouse"]
    assert "connector.squared.ai/crm" in everything
    assert "model.squared.ai/customers" in everything
    assert selected == ""


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("connector.spec", ["connectorType", "connectorName", "configuration", "discover", "check", "adoptionPolicy"]),
        ("connector.status", ["definition", "streams", "secretsDigest", "usedBy"]),
        ("model.spec", ["connectorId", "connectorRef", "query", "queryFrom", "primaryKey", "preview"]),
        ("model.spec.connectorRef", ["name", "serverName"]),
        ("model.spec.queryFrom.configMapKeyRef", ["name", "key"]),
        ("model.status", ["columns", "connectorId", "usedBy"]),
    ],
)
def test_kubectl_explains_every_field(alone: Plane, path: str, fields: list[str]) -> None:
    done = alone.kubectl("explain", path)

    assert done.returncode == 0, done.stderr
    assert "<no description>" not in done.stdout
    assert "<empty>" not in done.stdout
    for field in fields:
        assert field in done.stdout
