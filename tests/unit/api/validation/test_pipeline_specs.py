from typing import Any

import pytest
from tests.support.bad_manifests import Bad, Judge
from tests.support.bad_pipelines import BAD_CONNECTORS, BAD_MODELS, GOOD_CONNECTORS, GOOD_MODELS, MASK
from tests.support.manifests import connector_spec, model_spec
from tests.support.messages import Messages

from sync_operator.api.enums import (
    AdoptionPolicy,
    CheckPolicy,
    ConnectorType,
    DriftPolicy,
    PreviewPolicy,
    QueryType,
)
from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.validation.strict_validation import (
    field_path,
    read_connector_spec,
    read_model_spec,
    validate_strict,
)
from sync_operator.api.validation.warning_rules import MODEL_WARNINGS, spec_warnings
from sync_operator.errors import InvalidSpecError


def known(cases: tuple[Bad, ...]) -> list[Any]:
    """Those that this process can tell: it ignores unknown fields when it reads what the API server took."""
    return [pytest.param(case, id=case.name) for case in cases if case.name != "unknown"]


@pytest.mark.parametrize("case", known(BAD_CONNECTORS))
def test_what_is_wrong_with_a_connector_is_named(case: Bad, messages: Messages) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        read_connector_spec(case.connector["spec"])

    assert case.field.startswith(caught.value.field) or caught.value.field.startswith(case.field)
    assert case.judge is Judge.SERVER or case.words in str(caught.value)
    messages.text("InvalidSpec", str(caught.value))


@pytest.mark.parametrize("case", known(BAD_MODELS))
def test_what_is_wrong_with_a_model_is_named(case: Bad, messages: Messages) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        read_model_spec(case.model["spec"])

    assert case.field.startswith(caught.value.field) or caught.value.field.startswith(case.field)
    messages.text("InvalidSpec", str(caught.value))


@pytest.mark.parametrize("case", [*known(BAD_CONNECTORS), pytest.param(BAD_CONNECTORS[-1], id="unknown")])
def test_validate_finds_the_same_fault_of_a_connector(case: Bad) -> None:
    _, errors = validate_strict(ConnectorSpec, case.connector["spec"])

    assert any(case.field.startswith(field_path(error.path, "spec")) for error in errors)


@pytest.mark.parametrize("case", [*known(BAD_MODELS), pytest.param(BAD_MODELS[-1], id="unknown")])
def test_validate_finds_the_same_fault_of_a_model(case: Bad) -> None:
    _, errors = validate_strict(ModelSpec, case.model["spec"])

    assert any(case.field.startswith(field_path(error.path, "spec")) for error in errors)


@pytest.mark.parametrize("name", GOOD_CONNECTORS)
def test_a_good_connector_is_read(name: str) -> None:
    written = connector_spec(**GOOD_CONNECTORS[name])

    spec, errors = validate_strict(ConnectorSpec, written)

    assert errors == ()
    assert spec == read_connector_spec(written)
    assert spec.configuration == written.get("configuration", {})


@pytest.mark.parametrize("name", GOOD_MODELS)
def test_a_good_model_is_read(name: str) -> None:
    written = model_spec(**GOOD_MODELS[name])

    spec, errors = validate_strict(ModelSpec, written)

    assert errors == ()
    assert spec == read_model_spec(written)


def test_the_least_connector_has_the_designs_defaults() -> None:
    spec = read_connector_spec(connector_spec())

    assert spec.connector_type is ConnectorType.DESTINATION
    assert (spec.workspace_ref.name, spec.drift_policy) == ("default", DriftPolicy.CORRECT)
    assert (spec.check, spec.adoption_policy) == (CheckPolicy.NEVER, AdoptionPolicy.ADOPT_OR_CREATE)
    assert [spec.name, spec.description, spec.discover, spec.deletion_policy, spec.external_id] == [None] * 5
    assert spec.configuration_secrets == ()


def test_the_least_model_has_the_designs_defaults() -> None:
    spec = read_model_spec(model_spec())

    assert (spec.query_type, spec.preview) == (QueryType.RAW_SQL, PreviewPolicy.NEVER)
    assert (spec.workspace_ref.name, spec.drift_policy) == ("default", DriftPolicy.CORRECT)
    assert spec.adoption_policy is AdoptionPolicy.ADOPT_OR_CREATE
    assert [spec.name, spec.description, spec.connector_id, spec.query_from, spec.deletion_policy] == [None] * 5


def test_no_message_shows_a_value_of_a_configuration() -> None:
    for wrong in ("planted", ["planted"], 3, {"planted": MASK, "a": "planted"}):
        with pytest.raises(InvalidSpecError) as caught:
            read_connector_spec(connector_spec(configuration=wrong))

        assert "planted" not in str(caught.value).replace("spec.configuration.planted", "")


def test_every_mask_is_named() -> None:
    _, errors = validate_strict(ConnectorSpec, connector_spec(configuration={"a": MASK, "b": [{"c/d": MASK}]}))

    assert sorted(field_path(error.path) for error in errors) == ["configuration.a", "configuration.b[0][c/d]"]


def test_a_query_without_an_order_gets_a_warning(messages: Messages) -> None:
    [rule] = MODEL_WARNINGS
    [doubt] = spec_warnings(read_model_spec(model_spec(query="SELECT id FROM t")))

    assert (field_path(doubt.path), doubt.message) == (rule.field, rule.message)
    assert not list(spec_warnings(read_model_spec(model_spec())))
    assert not list(spec_warnings(read_model_spec(model_spec(**GOOD_MODELS["from-a-map"]))))
    messages.text("Warning", f"{rule.field} {rule.message}")
