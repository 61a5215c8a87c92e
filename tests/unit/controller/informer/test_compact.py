"""What is kept of objects: all that is asked for later, in one copy."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import BORN

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import RUN_REQUESTED_AT_ANNOTATION, SYNC_NAME
from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.controller.informer.compact import expand, trim, trimmed_metadata
from sync_operator.errors import InvalidSpecError
from sync_operator.kubernetes.converters import job_view, owning_sync
from sync_operator.util.packed_json import Outgrown, Text

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
"""A spec with the character NUL is refused."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
METADATA = {
    "namespace": "team",
    "name": "a",
    "uid": "uid-a",
    "resourceVersion": "7",
    "creationTimestamp": rfc3339(BORN),
    "annotations": {SYNC_NAME: "orders"},
}


def made(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": METADATA | {"managedFields": [{"manager": "x"}]}, **fields}


@given(JSON)
def test_text_is_read_as_it_was(value: Any) -> None:
    assert Text.of(value).read() == json.loads(json.dumps(value))


@pytest.mark.parametrize("kind", ["Workspace", "CronJob"])
@given(st.dictionaries(TEXT, JSON, max_size=3))
def test_all_but_managed_fields_is_kept(kind: str, spec: dict[str, Any]) -> None:
    obj = made(kind, spec=spec)
    before = deepcopy(obj)

    assert expand(trim(kind, obj)) == before | {"metadata": METADATA}
    assert obj == before, "what is given is left alone"


def test_of_a_job_is_kept_what_tells_how_it_went() -> None:
    status = {"startTime": rfc3339(BORN), "conditions": [{"type": "Complete", "status": "True"}]}
    job = made("Job", spec={"template": {"spec": {}}}, status=status)

    kept = trim("Job", job)
    assert job_view(kept) == job_view(job)
    assert owning_sync(kept) == "orders"
    assert "spec" not in kept


@pytest.mark.parametrize("kind", ["Sync", "CronJob", "Job"])
def test_what_is_slim_stays_as_it_is(kind: str) -> None:
    kept = trim(kind, made(kind, spec={}))

    assert kept["metadata"]["uid"] == "uid-a"
    assert trim(kind, kept) == kept


def at(generation: int, uid: str = "uid-a", **fields: Any) -> dict[str, Any]:
    """A Sync as of one generation."""
    sync = made("Sync", **fields)
    return sync | {"metadata": sync["metadata"] | {"generation": generation, "uid": uid}}


def test_a_spec_that_has_not_changed_is_kept_once() -> None:
    before = trim("Sync", at(1, spec={"streamName": "orders"}))
    now = trim("Sync", at(1, spec={"streamName": "orders"}, status={"id": "7"}), before)

    assert now["spec"] is before["spec"]
    assert now["status"] == {"id": "7"}


@pytest.mark.parametrize("changed", [at(2, spec={}), at(1, uid="another life", spec={}), made("Sync", spec={})])
def test_a_spec_that_may_have_changed_is_kept_as_it_is_now(changed: dict[str, Any]) -> None:
    before = trim("Sync", at(1, spec={"streamName": "orders"}))

    assert trim("Sync", changed, before)["spec"] == {}


def test_recent_runs_are_kept_as_text_and_read_as_they_were() -> None:
    runs = [{"id": "9", "reasons": ["422: too long (1 row)"]}, {"id": "8"}]
    status = {"id": "7", "recentRuns": runs}

    kept = trim("Sync", made("Sync", spec={}, status=status))

    assert isinstance(kept["status"]["recentRuns"], Text)
    assert expand(kept)["status"] == status
    assert trim("Sync", kept) == kept
    assert trim("Sync", expand(kept)) == kept


def test_a_cronjob_is_read_anew_each_time() -> None:
    kept = trim("CronJob", made("CronJob", spec={"suspend": False}))
    expand(kept)["spec"]["suspend"] = True

    assert expand(kept)["spec"] == {"suspend": False}


def test_objects_share_what_they_have_in_common() -> None:
    one, other = (trim("Sync", json.loads(json.dumps(made("Sync", spec={"streamName": "orders"})))) for _ in range(2))

    assert one["spec"]["streamName"] is other["spec"]["streamName"]
    assert next(iter(one["spec"])) is next(iter(other["spec"]))


def spec_of(configuration: Any) -> dict[str, Any]:
    ids = {"sourceId": 1, "destinationId": 2, "modelId": 3}
    return {**ids, "scheduleType": "manual", "streamName": "contacts", "configuration": configuration}


@given(st.dictionaries(TEXT, JSON, max_size=3) | st.lists(JSON, max_size=3))
def test_a_configuration_is_kept_as_text_and_read_as_it_was(configuration: Any) -> None:
    kept = trim("Sync", made("Sync", spec=spec_of(configuration)))
    assert isinstance(kept["spec"]["configuration"], Text)
    assert read_sync_spec(kept["spec"]).configuration == json.loads(json.dumps(configuration))
    assert trim("Sync", kept)["spec"] == kept["spec"]


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("configuration", "words"),
    [(nested(2000), "levels"), ({"a": "x" * 300_000}, "256 KiB"), ({"a": [{}] * 40_000}, "8192 values")],
)
def test_a_configuration_without_bounds_is_not_kept(configuration: Any, words: str) -> None:
    kept = trim("Sync", made("Sync", spec=spec_of(configuration)))
    assert isinstance(kept["spec"]["configuration"], Outgrown)
    for spec in (kept["spec"], spec_of(configuration)):
        with pytest.raises(InvalidSpecError, match=rf"^spec.configuration: .*{words}"):
            read_sync_spec(spec)


def test_of_a_sync_only_our_annotations_are_kept_each_of_bounded_length() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": "x" * 200_000,
        RUN_REQUESTED_AT_ANNOTATION: "y" * 200_000,
    }
    metadata = trimmed_metadata("Sync", {"metadata": METADATA | {"annotations": annotations}})
    assert list(metadata["annotations"]) == [RUN_REQUESTED_AT_ANNOTATION]
    assert len(metadata["annotations"][RUN_REQUESTED_AT_ANNOTATION]) < 100
