"""Connectors, Models and Syncs in one input: each by itself, and what they refer to."""

import json
from typing import Any, Final

import pytest
from tests.support.bad_manifests import Bad
from tests.support.bad_pipelines import BAD_CONNECTORS, BAD_MODELS, GOOD_CONNECTORS, GOOD_MODELS
from tests.support.judging import judged
from tests.support.manifests import REMOVED, connector_manifest, model_manifest, sync_manifest, workspace_manifest
from tests.support.messages import Messages

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.validate.manifest_set_rules import Judged

BAD: Final = [(CONNECTOR_KIND, case) for case in BAD_CONNECTORS] + [(MODEL_KIND, case) for case in BAD_MODELS]


def judge(*manifests: dict[str, Any]) -> Judged:
    return judged(*map(json.dumps, manifests))


def said(found: Judged, severity: Severity = Severity.ERROR) -> list[Diagnostic]:
    return [problem for problem in found.problems if problem.severity is severity]


@pytest.mark.parametrize(("kind", "case"), [pytest.param(kind, case, id=f"{kind}-{case.name}") for kind, case in BAD])
def test_what_the_cluster_or_the_operator_refuses_is_invalid(kind: str, case: Bad) -> None:
    found = judge(case.connector if kind == CONNECTOR_KIND else case.model)

    assert not found.valid
    fields = [problem.field for problem in said(found)]
    assert any(case.field.startswith(field) or field.startswith(case.field) for field in fields)


@pytest.mark.parametrize("name", GOOD_CONNECTORS)
def test_a_good_connector_is_valid(name: str) -> None:
    found = judge(connector_manifest(name, **GOOD_CONNECTORS[name]))

    assert (found.valid, len(found.connectors), found.problems) == (True, 1, ())


@pytest.mark.parametrize("name", GOOD_MODELS)
def test_a_good_model_is_valid(name: str) -> None:
    found = judge(model_manifest(name, **GOOD_MODELS[name]))

    assert (found.valid, len(found.models)) == (True, 1)
    assert {problem.field for problem in found.problems} <= {"spec.query"}


def test_a_misspelt_field_is_guessed() -> None:
    found = judge(connector_manifest("crm", conectorName="Http"), model_manifest("m", primary_key="id"))

    assert [problem.message for problem in said(found)] == [
        "is not known; did you mean 'connectorName'?",
        "is not known; did you mean 'primaryKey'?",
    ]


def test_a_pointer_that_leads_nowhere_is_named() -> None:
    secret = {"pointer": "/credentials/password", "secretKeyRef": {"name": "a", "key": "b"}}

    [problem] = said(judge(connector_manifest("db", configurationSecrets=[secret])))

    assert problem.field == "spec.configurationSecrets[0].pointer"


PIPELINE: Final = (
    connector_manifest("warehouse", connectorType="source", connectorName="Postgresql"),
    connector_manifest("crm"),
    model_manifest("customers"),
)


@pytest.mark.parametrize(
    ("query", "fields"), [("SELECT id FROM t ORDER BY id", ["spec.cursorField"]), ("SELECT 1", [])]
)
def test_a_cursor_field_needs_a_query_that_goes_with_it(query: str, fields: list[str]) -> None:
    model = model_manifest("more", query=query)
    sync = sync_manifest("orders", modelId=REMOVED, modelRef={"name": "more"}, syncMode="incremental", cursorField="at")

    assert [problem.field for problem in said(judge(model, sync))] == fields


def test_a_whole_pipeline_is_valid() -> None:
    found = judge(*PIPELINE, sync_manifest("orders"))

    assert (found.valid, found.problems) == (True, ())
    assert [checked.manifest.kind for checked in found.all] == ["Connector", "Connector", "Model", "Sync"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (model_manifest("more", connectorRef={"name": "warehuose"}), "spec.connectorRef.name"),
        (model_manifest("more", connectorRef={"name": "lake"}), "spec.connectorRef.name"),
    ],
)
def test_a_name_that_is_not_in_the_input_gets_a_warning(
    changed: dict[str, Any], field: str, messages: Messages
) -> None:
    found = judge(*PIPELINE, changed)

    [problem] = said(found, Severity.WARNING)
    assert (found.valid, problem.field) == (True, field)
    messages.text("Warning", problem.message_with_field)


def test_without_other_connectors_nothing_is_said_of_a_name() -> None:
    assert judge(model_manifest("customers")).problems == ()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (model_manifest("more", connectorRef={"name": "crm"}), "spec.connectorRef.name"),
        (model_manifest("more", workspaceRef={"name": "b"}), "spec.connectorRef.name"),
        (connector_manifest("copy", name="crm"), "spec"),
        (connector_manifest("crm"), "metadata.name"),
    ],
)
def test_what_does_not_go_together_is_an_error(changed: dict[str, Any], field: str, messages: Messages) -> None:
    [problem] = said(judge(*PIPELINE, changed))

    assert problem.field == field
    messages.text("InvalidSpec", problem.message_with_field)


def test_a_name_may_stand_once_for_each_type_and_workspace() -> None:
    others = (
        connector_manifest("other", connectorType="source", name="crm"),
        connector_manifest("third", name="crm", workspaceRef={"name": "b"}),
    )

    assert judge(*PIPELINE, *others).valid


def test_two_workspaces_of_one_server_are_one_for_names_and_ids(messages: Messages) -> None:
    workspaces = [workspace_manifest(name, workspaceId="1") for name in ("default", "b")]
    twice = (
        connector_manifest("copy", name="crm", workspaceRef={"name": "b"}),
        model_manifest("one", externalId="7", workspaceRef={"name": "b"}, connectorRef=REMOVED, connectorId=5),
        model_manifest("two", externalId="7"),
        connector_manifest("seventh", externalId="7"),
    )

    problems = said(judge(*workspaces, *PIPELINE, *twice))

    assert [problem.field for problem in problems] == ["spec", "spec.externalId"]
    for problem in problems:
        messages.text("InvalidSpec", problem.message_with_field)


BY_NAME: Final = {"modelId": REMOVED, "modelRef": {"name": "customers"}}
FROM_WAREHOUSE: Final = {"sourceId": REMOVED, "sourceRef": {"name": "warehouse"}}
TO_CRM: Final = {"destinationId": REMOVED, "destinationRef": {"name": "crm"}}


@pytest.mark.parametrize(
    ("model", "spec", "field"),
    [
        ({}, BY_NAME | FROM_WAREHOUSE | TO_CRM, ""),
        ({}, BY_NAME | {"sourceId": 7}, ""),
        ({}, BY_NAME | {"sourceId": REMOVED, "sourceRef": {"serverName": "Warehouse"}}, ""),
        ({"connectorRef": {"name": "lake"}}, BY_NAME | FROM_WAREHOUSE, "spec.sourceRef.name"),
        ({"connectorRef": REMOVED, "connectorId": 5}, BY_NAME | {"sourceId": 5}, ""),
        ({"connectorRef": REMOVED, "connectorId": 5}, BY_NAME | {"sourceId": 6}, "spec.sourceId"),
        ({}, BY_NAME | {"sourceId": REMOVED, "sourceRef": {"name": "crm"}}, "spec.sourceRef.name"),
        ({}, {"destinationId": REMOVED, "destinationRef": {"name": "warehouse"}}, "spec.destinationRef.name"),
    ],
)
def test_a_sync_and_what_it_refers_to_go_together(
    model: dict[str, Any], spec: dict[str, Any], field: str, messages: Messages
) -> None:
    lake = connector_manifest("lake", connectorType="source", connectorName="Postgresql")
    changed = model_manifest("customers", **model)

    problems = said(judge(*PIPELINE[:2], lake, changed, sync_manifest("orders", **spec)))

    assert {problem.field for problem in problems} == ({field} if field else set())
    for problem in problems:
        messages.text("InvalidSpec", problem.message_with_field)


def test_a_workspace_of_a_similar_name_is_suggested() -> None:
    found = judge(workspace_manifest("production"), connector_manifest("crm", workspaceRef={"name": "prodution"}))

    assert [problem.field for problem in said(found, Severity.WARNING)] == ["spec.workspaceRef.name"]
