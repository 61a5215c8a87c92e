"""Many Jobs that ended while no controller was there are told of at once, whatever their number."""

from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.nursery import Nursery
from tests.support.plane import Plane
from tests.support.replicas import leader_of, running_replicas
from tests.support.running import eventually
from tests.support.syncs import Tenant

JOBS: Final = 26


def made_by_hand(team: Tenant, name: str) -> dict[str, Any]:
    """A Job of the Sync's CronJob whose pod ends at once, and leaves no words."""
    template = team.cronjob()["spec"]["jobTemplate"]
    spec = template["spec"]
    spec["template"]["spec"]["containers"][0]["args"] = ["--version"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": template["metadata"]["labels"], **_notes(template)},
        "spec": spec,
    }


def _notes(template: dict[str, Any]) -> dict[str, Any]:
    return {"annotations": template["metadata"]["annotations"]}


def ended(job: dict[str, Any]) -> bool:
    return any(entry["type"] == "Complete" for entry in job.get("status", {}).get("conditions", ()))


@pytest.mark.timeout(300)
def test_more_jobs_than_a_reconcile_has_actions(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> None:
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 1) as [replica]:
        leader_of([replica])
        team.connect()
        team.ready(run={"successfulHistory": 40, "failedHistory": 40})
        assert replica.stop() == 0
        for number in range(JOBS):
            team.kube.create(made_by_hand(team, f"backlog-{number}"), team.namespace)
        eventually(lambda: sum(map(ended, team.jobs())) == JOBS, "all Jobs to end", seconds=120)
        team.sandbox.forget_requests()
        replica.begin()

        def told() -> bool:
            return all("squared.ai/reported" in job["metadata"]["annotations"] for job in team.jobs())

        eventually(told, "all Jobs to be told of")
        assert len(team.sandbox.requests("GET", "sync_runs")) == 1, "one list for all of them"
        assert team.get()["status"]["lastRun"]["job"].startswith("backlog-")
        assert "did not bring it to rest" not in replica.log.read_text()
