"""The generated reference pages leave nothing of the CRDs out."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.support.plane import ROOT

from sync_operator.api.crd.crd_manifests import KINDS, crd_of


def fields(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in schema.get("properties", {}).items():
        yield f"{path}{name}"
        yield from fields(value, f"{path}{name}.")
        yield from fields(value.get("items", {}), f"{path}{name}[].")


def messages(schema: object) -> Iterator[str]:
    match schema:
        case dict():
            yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
            for value in schema.values():
                yield from messages(value)
        case list():
            for value in schema:
                yield from messages(value)


@pytest.mark.parametrize("crd", [crd_of(kind) for kind in KINDS], ids=KINDS)
def test_every_field_has_its_heading_and_every_rule_its_words(crd: dict[str, Any]) -> None:
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    page = (ROOT / "docs" / "reference" / f"{crd['spec']['names']['singular']}.md").read_text()
    described = {half: schema["properties"][half] for half in ("spec", "status")}

    told = re.findall(r"^### (\S+)$", page, re.MULTILINE)
    assert told == [path for half in described for path in fields(described[half], f"{half}.")]
    refusals = re.findall(r"^- (.*)$", page, re.MULTILINE)
    assert sorted(refusals) == sorted(messages(schema))
