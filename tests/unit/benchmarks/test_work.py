"""What floor and plain operator send is what the operator sends: else they would be compared with less work."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from benchmarks import work
from benchmarks.crowd import SPEC
from tests.support.manifests import sync_manifest
from tests.support.plane import IMAGE
from tests.support.snapshots import BORN, NOW, connected, marked, pictured, stored, synced

from sync_operator.api.constants import APPLIED_ANNOTATION, TEMPLATE_ANNOTATION
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.domain.create_fence.create_intent import intent_annotations
from sync_operator.domain.identity.cluster_mark import cluster_marks
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest
from sync_operator.domain.snapshot import RunnerConfig
from sync_operator.domain.status.sync_status import sync_status

NAME, ID = "sync-00001", "7"
SETTINGS = (("LOG_FORMAT", "json"), ("SYNC_OPERATOR_ALLOW_INSECURE_HOSTS", "127.0.0.1"))
MADE = "2026-01-31T12:00:00Z"
WANTED = pictured(
    synced(NAME, metadata={"namespace": work.NAMESPACE}, **SPEC),
    workspace=connected(url=work.SERVER, account=work.ACCOUNT),
    runner_config=RunnerConfig(image=IMAGE, environment=SETTINGS),
    unlisted=frozenset(),  # the sandbox lists what ids stand for
)
PICTURE = replace(WANTED, remote=stored(WANTED, ID))
"""Just after the create."""


def a_sync() -> dict[str, Any]:
    """The same Sync, as the API server returns it."""
    sync = sync_manifest(NAME, syncMode="full_refresh", **SPEC)
    return sync | {"metadata": {"name": NAME, "namespace": work.NAMESPACE, "uid": f"uid-{NAME}", "generation": 1}}


def test_the_cronjob_is_the_operators() -> None:
    ours, theirs = cronjob_manifest(PICTURE, ID, suspended=False), work.cronjob(a_sync(), ID, MADE)

    of_jobs = [
        manifest["spec"]["jobTemplate"]["metadata"]["annotations"].pop(TEMPLATE_ANNOTATION)
        for manifest in (ours, theirs)
    ]
    assert theirs == ours | {"metadata": ours["metadata"] | {"annotations": theirs["metadata"]["annotations"]}}
    digests = [manifest["metadata"]["annotations"].pop(APPLIED_ANNOTATION) for manifest in (ours, theirs)]
    assert theirs == ours
    assert len(digests[0]) == len(digests[1]) == len(of_jobs[0]) == len(of_jobs[1])


def test_the_body_is_the_operators() -> None:
    assert work.server_body(a_sync()["spec"]) == {"sync": desired_body(PICTURE)}


def test_the_status_is_the_operators_but_for_times() -> None:
    live = cronjob_manifest(PICTURE, ID, suspended=False)
    live["metadata"]["creationTimestamp"] = BORN.isoformat()
    ours = to_dict(sync_status(replace(PICTURE, cronjob=live)))

    assert _timeless(work.status(a_sync(), ID, MADE)["status"]) == _timeless(ours)


def test_a_sync_is_known_again_by_the_second_in_which_it_was_made() -> None:
    assert work.made_at({"attributes": {"created_at": "2026-01-31T12:00:00.789Z"}}) == MADE


def test_the_mark_is_as_long_as_the_operators() -> None:
    ours = cluster_marks(str(uuid4())) | intent_annotations(NOW, uuid4().hex, fresh=True, repeated=None)
    theirs = work.mark()["metadata"]

    assert _lengths(theirs["annotations"]) == _lengths(ours)
    assert theirs["finalizers"] == marked()["finalizers"]


def _lengths(annotations: dict[str, str | None]) -> dict[str, int | None]:
    return {name: None if value is None else len(value) for name, value in annotations.items()}


def _timeless(status: dict[str, Any]) -> dict[str, Any]:
    """A status with each time replaced by how long its text is."""
    conditions = [entry | {"lastTransitionTime": len(entry["lastTransitionTime"])} for entry in status["conditions"]]
    return status | {"nextRuns": [len(time) for time in status["nextRuns"]], "conditions": conditions}
