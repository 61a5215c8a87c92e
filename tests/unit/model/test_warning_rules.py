import pytest
from tests.support.doubtful_manifests import DOUBTFUL_SYNCS, Doubtful

from sync_operator.model.names import WORKSPACE_ANNOTATIONS
from sync_operator.model.reading import field_path, read_sync_spec
from sync_operator.model.warning_rules import SYNC_WARNINGS, annotation_doubts, spec_doubts


@pytest.mark.parametrize("doubtful", DOUBTFUL_SYNCS, ids=lambda doubtful: doubtful.name)
def test_what_is_hardly_meant_is_named(doubtful: Doubtful) -> None:
    manifest = doubtful.sync
    found = (*spec_doubts(read_sync_spec(manifest["spec"])), *annotation_doubts(manifest["metadata"]["annotations"]))

    said = {field_path(doubt.place).removeprefix("spec."): doubt.message for doubt in found}
    assert said.keys() == doubtful.warned.keys()
    for path, words in doubtful.warned.items():
        assert said[path].startswith(words)


def test_each_rule_is_broken_by_some_manifest() -> None:
    broken = {doubt.message for each in DOUBTFUL_SYNCS for doubt in spec_doubts(read_sync_spec(each.sync["spec"]))}

    assert {rule.message for rule in SYNC_WARNINGS} == broken


def test_an_annotation_of_the_other_kind_is_not_known() -> None:
    [doubt] = annotation_doubts(
        {"squared.ai/take-over": "true", "squared.ai/confirm-server": "1"}, WORKSPACE_ANNOTATIONS
    )

    assert doubt.place == ("metadata", "annotations", "squared.ai/take-over")
    assert list(annotation_doubts(None)) == []
