"""`validate --definitions`: Connectors and Models against what their server asks for."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.judging import NOW
from tests.support.manifests import connector_manifest, model_manifest

from sync_operator.cli import main
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.manifest_set import load_manifests
from sync_operator.commands.validate.manifest_set_rules import judge_all, judge_sources
from sync_operator.sandbox.pipeline.bundled_definitions import KINDS, DefinitionCatalogue
from sync_operator.syncapi.pipeline.definitions import DefinitionSet, parse_definitions

BUNDLED: Final = DefinitionCatalogue()
DEFINITIONS: Final = parse_definitions({kind: BUNDLED.listed(kind) for kind in KINDS})
POSTGRESQL: Final[dict[str, Any]] = {
    "connectorType": "source",
    "connectorName": "Postgresql",
    "configuration": {
        "data_type": "structured",
        "host": "db.example.com",
        "port": "5432",
        "database": "shop",
        "schema": "public",
        "credentials": {"auth_type": "username/password", "username": "reader"},
    },
    "configurationSecrets": [
        {"pointer": "/credentials/password", "secretKeyRef": {"name": "warehouse", "key": "password"}}
    ],
}


def found(*manifests: dict[str, Any], definitions: DefinitionSet | None = DEFINITIONS) -> list[str]:
    """The messages about manifests."""
    sources = [Source(f"{number}.yaml", json.dumps(manifest)) for number, manifest in enumerate(manifests)]
    whole = judge_all(load_manifests(sources, "default"), NOW, definitions=definitions)
    each = judge_sources(sources, "default", NOW, definitions=definitions)
    assert [problem.message for problem in whole.problems] == [problem.message for problem in each.problems]
    return [problem.message_with_field for problem in whole.problems]


def warehouse(**configuration: Any) -> dict[str, Any]:
    """A Connector of the definition ``Postgresql``, with changes to its configuration; None leaves a key out."""
    changed = {**POSTGRESQL["configuration"], **configuration}
    kept = {name: value for name, value in changed.items() if value is not None}
    return connector_manifest("warehouse", **POSTGRESQL | {"configuration": kept})


def test_what_fits_its_definition_is_valid_though_its_secret_is_not_known() -> None:
    assert found(warehouse()) == []


def test_without_definitions_nothing_is_said() -> None:
    assert found(warehouse(port=5432), definitions=None) == []


def test_each_mistake_is_named_with_its_field() -> None:
    assert found(warehouse(port=5432, host=None, more={"a.b/c": 1})) == [
        "spec.configuration.host: is missing, and definition Postgresql requires it; set it",
        "spec.configuration.port: must be a string; put it in quotes",
    ]


def test_a_secret_in_clear_text_is_named_and_not_shown() -> None:
    credentials = {"auth_type": "username/password", "username": "reader", "password": "planted"}
    manifest = connector_manifest(
        "warehouse",
        **POSTGRESQL
        | {"configuration": POSTGRESQL["configuration"] | {"credentials": credentials}, "configurationSecrets": []},
    )

    [message] = found(manifest)

    assert message.startswith(
        "spec.configuration.credentials.password: is a secret in clear text; put it into a Secret"
    )
    assert "planted" not in message


def test_a_definition_that_the_server_does_not_have_is_named() -> None:
    manifest = connector_manifest("warehouse", **POSTGRESQL | {"connectorName": "PostgreSQL"})

    assert found(manifest) == [
        "spec.connectorName: the server has no source definition 'PostgreSQL'; did you mean 'Postgresql'?"
    ]


def test_a_pointer_that_leads_nowhere_is_all_that_is_said() -> None:
    [message] = found(warehouse(credentials=None))

    assert message.startswith("spec.configurationSecrets[0].pointer: '/credentials/password' leads nowhere")


@pytest.mark.parametrize(("query_type", "said"), [("raw_sql", False), ("dbt", False), ("soql", True)])
def test_the_query_type_of_a_model_has_to_fit(query_type: str, *, said: bool) -> None:
    model = model_manifest("customers", queryType=query_type, connectorRef={"name": "warehouse"})

    messages = found(warehouse(), model)

    wanted = "spec.queryType: must be raw_sql or dbt or table_selector for a source of definition Postgresql"
    assert messages == ([wanted] if said else [])


def test_keys_that_are_no_words_have_a_place_too() -> None:
    headers = {"destination_url": "https://a.example.com", "headers": {"x-one": 1, "a.b": 2}}

    assert found(
        connector_manifest("crm", connectorType="destination", connectorName="Http", configuration=headers)
    ) == [
        "spec.configuration.headers[x-one]: must be a string; put it in quotes",
        "spec.configuration.headers[a.b]: must be a string; put it in quotes",
    ]


def test_the_command_reads_a_file_of_definitions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, manifest, odd = tmp_path / "definitions.json", tmp_path / "a.yaml", tmp_path / "odd.json"
    file.write_text(json.dumps(DEFINITIONS.as_json()))
    manifest.write_text(json.dumps(warehouse(port=5432), indent=1))
    odd.write_text("{}")

    assert main(["validate", str(manifest)]) == 0
    assert main(["validate", "--definitions", str(file), str(manifest)]) == 1
    told = capsys.readouterr().out
    assert "spec.configuration.port: must be a string; put it in quotes" in told
    assert '"port": 5432' in told, "the line is shown"
    assert main(["validate", "--definitions", str(odd), str(manifest)]) == 2
    assert main(["validate", "--definitions", str(tmp_path / "nothing.json"), str(manifest)]) == 2
    assert "holds no connector definitions" in capsys.readouterr().err
