"""Times that are missed, told by a controller whose clock and time zone data differ from the control plane's."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.nursery import CLOCK_AHEAD, ZONE_HOURS, Nursery, NurseryController
from tests.support.plane import Plane
from tests.support.running import eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import SYNC_KIND

OFF: Final = {CLOCK_AHEAD: "300", ZONE_HOURS: "5", "SYNC_OPERATOR_RUN_START_SECONDS": "10"}
SECOND: Final = timedelta(seconds=1)


@pytest.fixture
def strange(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> Iterator[NurseryController]:
    controller = NurseryController(nursery, quiet, tmp_path, SYNC_OPERATOR_WATCH_NAMESPACES=team.namespace, **OFF)
    controller.start()
    yield controller
    assert controller.stop() == 0


def made_at(obj: dict[str, Any]) -> datetime:
    """By the API server's clock."""
    return datetime.fromisoformat(obj["metadata"]["creationTimestamp"])


def fired(tenant: Tenant, name: str, due: datetime) -> None:
    """Make the Job that the CronJob controller makes for a time."""
    cronjob = tenant.cronjob(name)
    template, uid = cronjob["spec"]["jobTemplate"], cronjob["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": uid, "controller": True}
    note = {"batch.kubernetes.io/cronjob-scheduled-timestamp": rfc3339(due)}
    metadata = {
        "name": f"{name}-1",
        "labels": template["metadata"]["labels"],
        "annotations": template["metadata"]["annotations"] | note,
        "ownerReferences": [owner],
    }
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    tenant.kube.create(body, tenant.namespace)


@pytest.mark.timeout(240)
def test_what_is_missed_is_told_and_nothing_else(strange: NurseryController, team: Tenant) -> None:
    cron: dict[str, Any] = {"scheduleType": "cron_expression"}
    team.connect()
    # Ours is the CronJob controller's time, whatever our clock says.
    often = team.ready("often", **cron, cronExpression="* * * * *")
    first = datetime.fromisoformat(often["status"]["nextRuns"][0])
    assert timedelta() < first - made_at(team.cronjob("often")) < timedelta(seconds=90)
    [told] = [line for line in strange.log.read_text().splitlines() if "the clock of this machine is" in line]
    found = re.search(r"is (\d+) s ahead of that of the cluster's API server", told)
    assert found is not None
    assert abs(int(found[1]) - 300) < 30

    # The controller is away while one time passes without a Job, and the next one gets its own.
    team.ready("late", **cron, cronExpression="0 0 1 1 *")
    assert strange.stop() == 0
    due = made_at(team.cronjob("late"))
    team.kube.patch_status(SYNC_KIND, "late", team.namespace, {"nextRuns": [rfc3339(due), rfc3339(due + SECOND)]})
    fired(team, "late", due + SECOND)
    strange.start()
    eventually(lambda: "RunMissed" in team.events("late"), "the missed time to be told")
    [event] = [event for event in team.all_events() if event["reason"] == "RunMissed"]
    assert f"a run was due at {rfc3339(due)}, and CronJob late made no Job for it" in event["message"]
    assert "it has made one for a later time since" in event["message"]
    assert condition(team.ran("Schedule", "late"), "RunsHealthy")["reason"] == "RunSucceeded"

    # By our data Casablanca is five hours ahead of UTC, by the cluster's it is at most one.
    soon = datetime.now(UTC) + timedelta(seconds=65)
    zoned = {"cronExpression": f"{soon:%M} {(soon + timedelta(hours=5)):%H} * * *", "timeZone": "Africa/Casablanca"}
    team.ready("zoned", **cron, **zoned)
    missed = team.when(SYNC_KIND, "zoned", "RunsHealthy", "False", "RunMissed", seconds=90)
    assert missed["status"]["lastRun"]["verdict"] == "missed"
    assert "or use other time zone data for Africa/Casablanca" in condition(missed, "RunsHealthy")["message"]
    assert "RunSucceeded" in team.events("often"), "it has run at its own times"
    assert "RunMissed" not in team.events("often")
