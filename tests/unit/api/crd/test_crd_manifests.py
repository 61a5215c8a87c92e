import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_operator.api.base import Model
from sync_operator.api.crd.crd_manifests import KINDS, crd_of
from sync_operator.api.crd.openapi_schema import structural_schema

type Node = dict[str, Any]

ROOT = Path(__file__).parents[4]
CRDS = {kind: crd_of(kind) for kind in KINDS}


def root(kind: str) -> Node:
    schema: Node = CRDS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def fields(schema: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    for name, value in schema.get("properties", {}).items():
        yield f"{path}.{name}", value
        yield from fields(value, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield f"{path}[]", schema[inner]
            yield from fields(schema[inner], f"{path}[]")


ALL = [
    pytest.param(path, node, id=f"{kind}{path}")
    for kind in CRDS
    for path, node in fields(root(kind))
    if not path.startswith((".metadata", ".apiVersion", ".kind"))
]


@pytest.mark.parametrize(("path", "node"), ALL)
def test_every_field_is_described_for_explain(path: str, node: Node) -> None:
    assert path.endswith("[]") or len(node["description"]) > 10


@pytest.mark.parametrize(("path", "node"), ALL)
def test_every_string_list_and_map_is_bounded(path: str, node: Node) -> None:
    match node.get("type"):
        case "string":
            assert "maxLength" in node or "enum" in node or node.get("format") == "date-time", path
        case "array":
            assert "maxItems" in node, path
            assert node["x-kubernetes-list-type"] in {"atomic", "map"}
        case "object":
            assert "properties" in node or "maxProperties" in node, path
        case None:
            assert "maxLength" in node, path


@pytest.mark.parametrize("kind", CRDS)
def test_schemas_are_structural(kind: str) -> None:
    text = str(root(kind))

    assert "$ref" not in text
    assert "'null'" not in text
    assert "title" not in text


@pytest.mark.parametrize("kind", CRDS)
def test_a_fresh_resource_is_not_taken_for_done(kind: str) -> None:
    default = root(kind)["properties"]["status"]["default"]
    assert (default["observedGeneration"], sorted(default)) == (-1, ["message", "observedGeneration"])
    assert CRDS[kind]["spec"]["versions"][0]["subresources"] == {"status": {}}


def test_rules_name_their_field_and_a_remedy() -> None:
    nodes = [*map(root, CRDS), *(node for kind in CRDS for _, node in fields(root(kind)))]
    rules = [rule for node in nodes for rule in node.get("x-kubernetes-validations", ())]

    assert len(rules) > 15
    for rule in rules:
        field = rule.get("fieldPath", "").rpartition(".")[2]
        assert field in rule["message"]
        assert "; " in rule["message"]


@pytest.mark.parametrize("kind", CRDS)
def test_a_text_without_its_form_is_told_in_words(kind: str) -> None:
    spec = root(kind)["properties"]["spec"]
    amounts = ("requests", "limits")  # which have rules of their own
    named = [(path, node) for path, node in fields(spec) if not path.endswith(("[]", *amounts))]
    formed = [(path, node) for path, node in named if "pattern" in node.get("additionalProperties", node)]

    assert formed
    for path, node in formed:
        told = [rule["message"] for rule in node["x-kubernetes-validations"]]
        assert any(words.startswith(f"{path.rpartition('.')[2]} ") and "; " in words for words in told), path


def test_columns_and_selectable_fields_are_those_of_the_design() -> None:
    version = CRDS["Sync"]["spec"]["versions"][0]
    columns = version["additionalPrinterColumns"]

    assert [column["name"] for column in columns if not column.get("priority")] == [
        "READY",
        "STATUS",
        "HEALTHY",
        "SCHEDULE",
        "LAST RUN",
        "NEXT",
        "AGE",
    ]
    assert [column["name"] for column in columns if column.get("priority")] == [
        "ID",
        "ROWS OK",
        "ROWS FAILED",
        "WORKSPACE",
        "MESSAGE",
    ]
    assert next(column["type"] for column in columns if column["name"] == "NEXT") == "string"
    assert version["selectableFields"] == [{"jsonPath": ".spec.workspaceRef.name"}, {"jsonPath": ".status.health"}]
    assert CRDS["Sync"]["spec"]["names"]["categories"] == ["squared"]


@pytest.mark.parametrize(
    ("kind", "narrow", "wide"),
    [
        ("Connector", ["TYPE", "DEFINITION"], ["ID", "STREAMS", "WORKSPACE", "MESSAGE"]),
        ("Model", ["TYPE", "CONNECTOR"], ["ID", "WORKSPACE", "MESSAGE"]),
    ],
)
def test_columns_of_the_pipeline(kind: str, narrow: list[str], wide: list[str]) -> None:
    columns = CRDS[kind]["spec"]["versions"][0]["additionalPrinterColumns"]

    told = [column["name"] for column in columns if not column.get("priority")]
    assert told == ["READY", "STATUS", *narrow, "AGE"]
    assert [column["name"] for column in columns if column.get("priority")] == wide


def test_short_names_and_a_message_for_every_kind() -> None:
    assert {kind: crd["spec"]["names"]["shortNames"] for kind, crd in CRDS.items()} == {
        "Sync": ["sy"],
        "Workspace": ["sws"],
        "Connector": ["sconn"],
        "Model": ["smod"],
    }
    for crd in CRDS.values():
        last = crd["spec"]["versions"][0]["additionalPrinterColumns"][-1]
        assert (last["name"], last["jsonPath"], last["priority"]) == ("MESSAGE", ".status.message", 1)


def test_a_choice_that_no_schema_can_say_stops_the_generator() -> None:
    class Odd(Model):
        field: bool | list[str] = False

    with pytest.raises(AssertionError, match="no structural schema"):
        structural_schema(Odd, defaults=True)


def test_the_generated_files_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate"), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_choice_that_no_structural_schema_can_say_is_a_defect() -> None:
    class Unsayable(Model):
        either: int | bool = 0

    with pytest.raises(AssertionError, match=r"no structural schema for a choice of \['boolean', 'integer'\]"):
        structural_schema(Unsayable, defaults=True)
