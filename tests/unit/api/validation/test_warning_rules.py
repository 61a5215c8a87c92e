import pytest
from tests.support.doubtful_manifests import DOUBTFUL_SYNCS, Doubtful
from tests.support.messages import Messages

from sync_operator.api.constants import WORKSPACE_ANNOTATIONS
from sync_operator.api.validation.strict_validation import field_path, read_sync_spec
from sync_operator.api.validation.warning_rules import SYNC_WARNINGS, annotation_warnings, spec_warnings


@pytest.mark.parametrize("doubtful", DOUBTFUL_SYNCS, ids=lambda doubtful: doubtful.name)
def test_what_is_hardly_meant_is_named(doubtful: Doubtful, messages: Messages) -> None:
    manifest = doubtful.sync
    found = (
        *spec_warnings(read_sync_spec(manifest["spec"])),
        *annotation_warnings(manifest["metadata"]["annotations"]),
    )

    said = {field_path(doubt.path).removeprefix("spec."): doubt.message for doubt in found}
    assert said.keys() == set(doubtful.warned)
    for path in doubtful.warned:
        messages.text("Warning", f"{path}: {said[path]}")


def test_each_rule_is_broken_by_some_manifest() -> None:
    broken = {doubt.message for each in DOUBTFUL_SYNCS for doubt in spec_warnings(read_sync_spec(each.sync["spec"]))}

    assert {rule.message for rule in SYNC_WARNINGS} == broken


def test_an_annotation_of_the_other_kind_is_not_known() -> None:
    [doubt] = annotation_warnings(
        {"squared.ai/take-over": "true", "squared.ai/confirm-server": "1"}, WORKSPACE_ANNOTATIONS
    )

    assert doubt.path == ("metadata", "annotations", "squared.ai/take-over")
    assert list(annotation_warnings(None)) == []
