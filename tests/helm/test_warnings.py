"""The chart's admission policies that warn, on the real API server: they say what `validate` says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.support.doubtful_manifests import DOUBTFUL_SYNCS
from tests.support.helm import Helm
from tests.support.manifests import (
    connector_manifest,
    merged,
    model_manifest,
    sync_manifest,
    workspace_manifest,
)
from tests.support.plane import Plane
from tests.support.running import eventually

from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.api.validation.warning_rules import (
    MODEL_WARNINGS,
    SYNC_WARNINGS,
    annotation_warnings,
    spec_warnings,
)

OF_ENTRIES = {rule.message for rule in SYNC_WARNINGS if rule.of_entries}


def applied(plane: Plane, *manifests: dict[str, Any]) -> list[str]:
    """What `kubectl apply` warns of, without who says so."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    done = plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    assert done.returncode == 0, done.stderr
    return [line.partition("-warnings': ")[2] for line in done.stderr.splitlines() if line.startswith("Warning: ")]


@pytest.fixture
def warning(plane: Plane, helm: Helm) -> Iterator[None]:
    """The policies alone, on a cluster that others use too: they do nothing to anybody."""
    rendered = helm.template(
        "--show-only", "templates/admission-policies.yaml", crds={"enabled": True, "protect": False}
    )
    text = yaml.safe_dump_all(rendered)
    assert plane.kubectl("apply", "-f", "-", stdin=text).returncode == 0
    misspelt = merged(sync_manifest("a"), {"metadata": {"annotations": {"squared.ai/run": "1"}}})
    try:
        eventually(lambda: applied(plane, misspelt), "the policies to be in force")
        yield
    finally:
        plane.kubectl("delete", "-f", "-", stdin=text)


def expected(manifest: dict[str, Any]) -> set[str]:
    found = spec_warnings(read_sync_spec(manifest["spec"]))
    said = {
        f"spec.configuration: an entry {doubt.message}"
        if doubt.message in OF_ENTRIES
        else f"{'.'.join(map(str, doubt.path))} {doubt.message}"
        for doubt in found
    }
    strange = annotation_warnings(manifest["metadata"]["annotations"])
    return said | {f"metadata.annotations[{doubt.path[-1]}] {doubt.message}" for doubt in strange}


@pytest.mark.usefixtures("warning")
def test_kubectl_apply_warns_of_what_validate_warns_of(plane: Plane) -> None:
    syncs = [doubtful.sync for doubtful in DOUBTFUL_SYNCS]

    for sync in syncs:
        assert set(applied(plane, sync)) == expected(sync), sync["metadata"]["name"]

    workspace = merged(workspace_manifest("w"), {"metadata": {"annotations": {"squared.ai/confirm": "1"}}})
    [said] = applied(plane, workspace)
    assert said.startswith("metadata.annotations[squared.ai/confirm] is not an annotation that the operator reads")
    assert applied(plane, workspace_manifest("w")) == []

    [said] = applied(plane, model_manifest("m", query="SELECT id FROM t"))
    assert said == f"{MODEL_WARNINGS[0].field} {MODEL_WARNINGS[0].message}"
    connector = merged(connector_manifest("c"), {"metadata": {"annotations": {"squared.ai/discover": "1"}}})
    [said] = applied(plane, connector)
    assert said.startswith("metadata.annotations[squared.ai/discover] is not an annotation that the operator reads")
    assert applied(plane, model_manifest("m"), connector_manifest("c")) == []
