"""No run for a past time, whatever is edited, resumed or put back: on the real controller-manager, by its own clock."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from tests.support.plane import Kube
from tests.support.running import Controller, Sandbox, eventually
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

STAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp"
QUIET_SECONDS = 10
"""The controller acts within a second; a touched CronJob is looked at once more."""


def cron(line: str, zone: str = "Etc/UTC") -> dict[str, Any]:
    return {"scheduleType": "cron_expression", "cronExpression": line, "timeZone": zone}


def slot(minutes: int, zone_hours: int = 0) -> str:
    """A daily line that was due some minutes ago (in a zone ahead of UTC by so many hours)."""
    due = datetime.now(UTC) - timedelta(minutes=minutes) + timedelta(hours=zone_hours)
    return f"{due.minute} {due.hour} * * *"


def every(count: int, unit: str) -> dict[str, Any]:
    return {"scheduleType": "interval", "syncInterval": count, "syncIntervalUnit": unit}


NEVER_SOON = "0 0 1 1 *"
THREE_DAYS = timedelta(days=3)
MANUAL = {"scheduleType": "manual"}


@dataclass(frozen=True)
class Case:
    """One edit: the spec before, how long ago the last run was then, and the change."""

    name: str
    before: dict[str, Any]
    change: dict[str, Any]
    last: timedelta | None = None
    down: bool = False
    fires: bool = field(default=False, kw_only=True)


def cases() -> Iterator[Case]:
    edits = (
        Case("shorter-36h-5h", every(36, "hours"), every(5, "hours"), timedelta(hours=30)),
        Case("shorter-10d-36h", every(10, "days"), every(36, "hours"), timedelta(days=9)),
        Case("shorter-45m-7m", every(45, "minutes"), every(7, "minutes"), timedelta(minutes=40)),
        Case("shorter-5w-10d", every(5, "weeks"), every(10, "days"), timedelta(days=30)),
        Case("longer-7m-45m", every(7, "minutes"), every(45, "minutes"), timedelta(minutes=5)),
        Case("longer-5h-7h", every(5, "hours"), every(7, "hours"), timedelta(hours=4)),
        Case("cron-cron-just-missed", cron(NEVER_SOON), cron(slot(2)), THREE_DAYS),
        Case("cron-cron-missed-long-ago", cron(NEVER_SOON), cron(slot(120)), THREE_DAYS),
        Case("cron-cron-many-missed", cron(NEVER_SOON), cron("0 * * * *"), timedelta(days=40)),
        Case("cron-interval", cron(NEVER_SOON), every(7, "minutes"), THREE_DAYS),
        Case("interval-cron", every(7, "hours"), cron(slot(1)), timedelta(hours=6)),
        Case("zone", cron(slot(2, 5)), {"timeZone": "Asia/Karachi"}, timedelta(days=1) - timedelta(hours=1)),
        Case("zone-and-line", cron(NEVER_SOON), cron(slot(3, 5), "Asia/Karachi"), THREE_DAYS),
        Case("manual-cron", MANUAL, cron(slot(2)), THREE_DAYS),
        Case("manual-interval", MANUAL, every(90, "minutes"), THREE_DAYS),
        Case("template-only", every(7, "hours"), {"run": {"retries": 2}}, timedelta(hours=6)),
        Case("cron-every-minute", cron(NEVER_SOON), cron("* * * * *"), THREE_DAYS, fires=True),
    )
    asleep = {"suspend": True}
    resumes = (
        Case("resume-cron-just-missed", cron(slot(2)) | asleep, {"suspend": False}, THREE_DAYS),
        Case("resume-interval", every(45, "minutes") | asleep, {"suspend": False}, THREE_DAYS),
        Case("resume-hourly", every(1, "hours") | asleep, {"suspend": False}, THREE_DAYS),
        Case("resume-never-run", cron(slot(2)) | asleep, {"suspend": False}),
        Case("resume-and-edit", cron(NEVER_SOON) | asleep, {"suspend": False, **cron(slot(2))}, THREE_DAYS),
        Case(
            "resume-and-zone",
            cron(slot(2, 5)) | asleep,
            {"suspend": False, "timeZone": "Asia/Karachi"},
            THREE_DAYS,
        ),
        Case(
            "resume-as-interval",
            cron(NEVER_SOON) | asleep,
            {"suspend": False, **every(7, "minutes")},
            timedelta(days=10),
        ),
        Case("resume-every-minute", every(1, "minutes") | asleep, {"suspend": False}, THREE_DAYS, fires=True),
    )
    for case in (*edits, *resumes):
        yield case
        if case.name in {"shorter-36h-5h", "cron-cron-just-missed", "cron-interval", "resume-interval", "zone"}:
            yield Case(f"down-{case.name}", case.before, case.change, case.last, down=True)


def stamps(tenant: Tenant, name: str) -> list[datetime]:
    """Scheduled times of the Jobs of one Sync."""
    jobs = [job["metadata"]["annotations"] for job in tenant.jobs()]
    return [datetime.fromisoformat(job[STAMP]) for job in jobs if STAMP in job and job["squared.ai/sync-name"] == name]


def backdate(tenant: Tenant, name: str, by: timedelta) -> None:
    last = (datetime.now(UTC) - by).strftime("%Y-%m-%dT%H:%M:%SZ")
    tenant.kube.batch.patch_namespaced_cron_job_status(name, tenant.namespace, {"status": {"lastScheduleTime": last}})


def touch(tenant: Tenant, name: str) -> None:
    """What leaves an armed CronJob no rest."""
    body = {"metadata": {"annotations": {"touched": str(time.time_ns())}}}
    tenant.kube.batch.patch_namespaced_cron_job(name, tenant.namespace, body)


def in_force(tenant: Tenant, name: str, generation: int) -> bool:
    sync = tenant.get(name)
    return bool(sync["status"].get("observedGeneration") == generation)


@pytest.mark.timeout(400)
def test_no_edit_and_no_resume_fires_for_the_past(
    kube: Kube, namespace: str, sandbox: Sandbox, controller: Controller
) -> None:
    tenant = Tenant(kube, namespace, sandbox)
    tenant.connect(requestsPerMinute=10_000)
    table = {case.name: case for case in cases()}
    assert len(table) >= 25
    for case in table.values():
        tenant.sync(case.name, **case.before)
    for case in table.values():
        tenant.when(SYNC_KIND, case.name, "Ready", seconds=60)
        if case.last is not None:
            backdate(tenant, case.name, case.last)
    eventually(lambda: len(tenant.cronjobs()) == len(table), "all CronJobs")

    edited = change(tenant, [case for case in table.values() if not case.down])
    controller.stop()
    edited |= change(tenant, [case for case in table.values() if case.down], wait=False)
    controller.start()
    for name, (_, generation) in edited.items():
        eventually(partial(in_force, tenant, name, generation), f"the edit of {name}")
    for name in table:
        touch(tenant, name)
    time.sleep(QUIET_SECONDS)

    for name, (at, _) in edited.items():
        stray = [stamp for stamp in stamps(tenant, name) if stamp <= at]
        assert not stray, f"{name}: edited at {at}, and it fired for {stray}"
    for case in table.values():
        if case.fires:
            eventually(partial(stamps, tenant, case.name), f"{case.name} to fire", seconds=75)


def change(tenant: Tenant, edits: list[Case], *, wait: bool = True) -> dict[str, tuple[datetime, int]]:
    """Make the edits; when each was made, and the generation that it made."""
    made = {}
    for case in edits:
        at = datetime.now(UTC)
        made[case.name] = at, tenant.patch(case.name, **case.change)["metadata"]["generation"]
        if wait:
            touch(tenant, case.name)
    return made


@pytest.mark.parametrize("meddle", ["schedule", "resume", "delete"])
def test_what_others_did_to_the_cronjob_fires_nothing_when_it_is_put_back(
    tenant: Tenant, controller: Controller, meddle: str
) -> None:
    tenant.connect()
    tenant.ready(**cron(slot(2)), suspend=meddle == "resume")
    batch, theirs = tenant.kube.batch, {"spec": {"schedule": NEVER_SOON, "suspend": False}}

    controller.stop()
    if meddle == "delete":
        batch.delete_namespaced_cron_job("orders", tenant.namespace)
    else:
        batch.patch_namespaced_cron_job("orders", tenant.namespace, theirs)
        backdate(tenant, "orders", THREE_DAYS)
    at = datetime.now(UTC)
    controller.start()

    tenant.when(SYNC_KIND, "orders", "Scheduled", reason="DriftCorrected")
    touch(tenant, "orders")
    time.sleep(QUIET_SECONDS)
    assert not [stamp for stamp in stamps(tenant, "orders") if stamp <= at]


def test_a_workspace_that_is_resumed_fires_nothing_for_the_past(tenant: Tenant) -> None:
    def suspend(value: bool) -> None:
        tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, {"spec": {"suspend": value}})
        eventually(lambda: tenant.cronjob()["spec"]["suspend"] is value, f"suspend: {value}")

    tenant.connect()
    tenant.ready(**cron(slot(2)))
    suspend(True)
    backdate(tenant, "orders", THREE_DAYS)
    at = datetime.now(UTC)

    suspend(False)
    touch(tenant, "orders")
    time.sleep(QUIET_SECONDS)

    assert not [stamp for stamp in stamps(tenant, "orders") if stamp <= at]
