"""Which Syncs can wait after a restart: those of which everything shows that they are in order."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from tests.support.snapshots import NOW

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import CLUSTER_ANNOTATION, FINALIZER, REPORTED_ANNOTATION, RUN_REQUESTED_AT_ANNOTATION
from sync_operator.controller.informer.in_sync import is_in_sync, is_scheduled

SYNC: dict[str, Any] = {
    "metadata": {
        "generation": 3,
        "finalizers": ["other", FINALIZER],
        "annotations": {RUN_REQUESTED_AT_ANNOTATION: "again"},
    },
    "spec": {"scheduleType": "interval"},
    "status": {
        "observedGeneration": 3,
        "cronJob": "orders",
        "lastHandledRunRequest": "again",
        "nextRuns": [rfc3339(NOW + timedelta(seconds=1)), rfc3339(NOW + timedelta(hours=1))],
        "conditions": [
            {"type": "Registered", "status": "True", "observedGeneration": 3},
            {"type": "Ready", "status": "True", "observedGeneration": 3},
        ],
    },
}
COMPLETE = {"type": "Complete", "status": "True", "lastTransitionTime": rfc3339(NOW)}


def job(*conditions: dict[str, str], **annotations: str) -> dict[str, Any]:
    metadata = {"name": "orders-1", "creationTimestamp": rfc3339(NOW), "annotations": annotations}
    return {"metadata": metadata, "status": {"conditions": list(conditions)}}


def settled(sync: dict[str, Any], *jobs: dict[str, Any], has_cronjob: bool = True) -> bool:
    scheduled = is_scheduled(sync, has_cronjob=has_cronjob, jobs=jobs, now=NOW)
    return is_in_sync(sync, FINALIZER, cluster="here") and scheduled


def changed(remote_workspace: str, value: Any) -> dict[str, Any]:
    sync = deepcopy(SYNC)
    *path, last = remote_workspace.split("/")
    part: Any = sync
    for step in path:
        part = part[int(step)] if isinstance(part, list) else part[step]
    part[last] = value
    return sync


def test_what_is_in_order_is_settled() -> None:
    assert settled(SYNC)
    assert settled(SYNC, job(), job(COMPLETE, **{REPORTED_ANNOTATION: "true"}))
    assert settled(changed("status/nextRuns", []))
    assert settled(changed("metadata/annotations", {CLUSTER_ANNOTATION: "here"}))


def test_a_sync_that_the_server_schedules_is_settled_without_a_cronjob() -> None:
    sync = deepcopy(SYNC)
    del sync["status"]["cronJob"]

    assert settled(sync, has_cronjob=False)
    assert not settled(sync)


@pytest.mark.parametrize(
    ("remote_workspace", "value"),
    [
        ("metadata/deletionTimestamp", rfc3339(NOW)),
        ("metadata/finalizers", ["other"]),
        ("metadata/generation", 4),
        ("metadata/annotations", {RUN_REQUESTED_AT_ANNOTATION: "once more"}),
        ("metadata/annotations", {CLUSTER_ANNOTATION: "another"}),
        ("spec/freshness", {"maxAge": "1h"}),
        ("spec/configurationSecrets", [{"pointer": "/a"}]),
        ("status", {}),
        ("status/observedGeneration", 2),
        ("status/conditions", []),
        ("status/conditions/1/status", "False"),
        ("status/conditions/1/observedGeneration", 2),
        ("status/nextRuns", [rfc3339(NOW)]),
    ],
)
def test_what_may_have_to_be_done_is_not(remote_workspace: str, value: Any) -> None:
    assert not settled(changed(remote_workspace, value))


def test_a_lost_cronjob_and_an_untold_run_are_not() -> None:
    assert not settled(SYNC, has_cronjob=False)
    assert not settled(SYNC, job(COMPLETE))
