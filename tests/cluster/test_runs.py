import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from kubernetes import client
from tests.support.manifests import foreign_cronjob
from tests.support.plane import Plane
from tests.support.running import Controller, eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND

SILENT = ("runner", "--termination-message", "/dev/null")
"""What a pod does that leaves no last words."""


def by_hand(tenant: Tenant, name: str, *args: str) -> dict[str, Any]:
    """A Job as `kubectl create job --from=cronjob/orders` makes it; with other words for its pod's command if given."""
    template = tenant.cronjob()["spec"]["jobTemplate"]
    note = {"cronjob.kubernetes.io/instantiate": "manual"}
    metadata = {"name": name, "labels": template["metadata"]["labels"]}
    metadata["annotations"] = template["metadata"]["annotations"] | note
    if args:
        template["spec"]["template"]["spec"]["containers"][0]["args"] = list(args)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def runs(tenant: Tenant) -> list[dict[str, Any]]:
    return tenant.sandbox.runs()


def reported(job: dict[str, Any]) -> bool:
    return "squared.ai/reported" in job["metadata"]["annotations"]


def done(sync: dict[str, Any], job: str) -> dict[str, Any] | None:
    last = sync["status"].get("lastRun", {})
    return sync if last.get("job") == job and last.get("finishedAt") else None


@pytest.fixture
def crowded(tenant: Tenant) -> Iterator[Tenant]:
    """Another tenant, in whose namespace no Job may be made."""
    name = f"{tenant.namespace}-crowded"
    tenant.kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    spec = {"hard": {"count/jobs.batch": "0"}}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-jobs"}, "spec": spec}
    tenant.kube.resource("ResourceQuota", "v1").create(body=body, namespace=name)
    yield replace(tenant, namespace=name)
    tenant.kube.drop_namespace(name)


@pytest.mark.timeout(180)
def test_a_cronjob_fires_on_time_and_its_rows_are_reported_or_why_it_did_not(tenant: Tenant, crowded: Tenant) -> None:
    every_minute: dict[str, Any] = {"scheduleType": "automated", "syncInterval": 1, "syncIntervalUnit": "minutes"}
    tenant.connect()
    crowded.connect()
    tenant.ready(**every_minute)
    crowded.ready(**every_minute)

    sync = tenant.ran("Schedule", seconds=100)

    last = sync["status"]["lastRun"]
    assert last["status"] == "success"
    assert last["rows"] == {"queried": 1000, "total": 1000, "succeeded": 1000, "failed": 0, "skipped": 0}
    assert last["job"].startswith("orders-")
    assert sync["status"]["lastSuccessAt"] == last["finishedAt"]
    assert condition(sync, "RunsHealthy")["reason"] == "RunSucceeded"
    tenant.told("RunStarted", "RunSucceeded")

    sync = crowded.when(SYNC_KIND, "orders", "RunsHealthy", "False", "RunMissed", seconds=60)
    assert "exceeded quota: no-jobs, requested: count/jobs.batch=1" in condition(sync, "RunsHealthy")["message"]
    assert (sync["status"]["lastRun"]["verdict"], sync["status"]["health"]) == ("missed", "False")
    crowded.told("RunMissed")
    crowded.request_run("one")
    crowded.when(SYNC_KIND, "orders", "RunsHealthy", "False", "RunNotStarted")
    assert "lastHandledRunRequest" not in crowded.get()["status"], "it is tried again"


@pytest.mark.parametrize(
    ("outcome", "reason", "status"),
    [
        ({"ending": "failed"}, "RunFailed", "failed"),
        ({"failed_rows": 1000, "reason": "destination says no"}, "RowsRejected", "success"),
        ({"pending_rows": 1}, "RunFailed", "success"),
    ],
)
def test_a_bad_run_is_a_failed_job_and_says_so(
    tenant: Tenant, outcome: dict[str, Any], reason: str, status: str
) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.outcome(seconds=1, **outcome)

    tenant.request_run("one")
    sync = tenant.ran("Request")

    last = sync["status"]["lastRun"]
    assert last["status"] == status
    assert condition(sync, "RunsHealthy")["status"] == "False"
    assert condition(sync, "RunsHealthy")["reason"] == reason
    assert condition(sync)["status"] == "True", "run results never turn Ready"
    assert "lastSuccessAt" not in sync["status"]
    [kept] = sync["status"]["recentRuns"]
    assert (kept["id"], kept["status"], kept["rows"]) == (last["id"], status, last["rows"])
    assert ("destination says no" in " ".join(kept.get("reasons", ()))) is (reason == "RowsRejected")
    job = tenant.job(last["job"])
    assert [entry["type"] for entry in job["status"]["conditions"] if entry["status"] == "True"][-1] == "Failed"
    [pod] = tenant.pods()
    terminated = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert terminated["exitCode"] == 1
    assert json.loads(terminated["message"])["runId"] == int(last["id"])
    tenant.told("RunStarted", reason)


def test_some_refused_rows_may_be_allowed(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(run={"maxFailedRowsPercent": 5})
    tenant.sandbox.outcome(seconds=1, failed_rows=50)

    tenant.request_run("one")

    sync = tenant.ran("Request")
    assert condition(sync, "RunsHealthy")["status"] == "True"
    assert sync["status"]["lastRun"]["rows"]["failed"] == 50


def test_what_the_server_hides_of_rows_is_told(tenant: Tenant) -> None:
    tenant.sandbox.catalog(2, {"name": "contacts", "batch_support": True})
    tenant.connect()
    tenant.ready()
    tenant.sandbox.outcome(seconds=1, failed_rows=11, unkeyed_rows=9)
    tenant.request_run("hidden")
    batched = condition(tenant.ran("Request"), "RunsHealthy")
    assert batched["reason"] == "RunSucceeded"
    assert "9 of 1000 rows read were not to be sent" in batched["message"]
    assert "the stream is written in batches" in batched["message"]

    tenant.sandbox.outcome(seconds=1, ending="failed", keeps_rows=True)
    tenant.request_run("lost")
    tenant.told("RunStarted", "RunFailed")
    tenant.request_run("nothing")
    tenant.told("RunStarted", "RunFailed", "RunStarted", "RunFailed")

    sync = tenant.get()
    assert "1000 rows read and none sent: run 2 had read them" in condition(sync, "RunsHealthy")["message"]
    assert sync["status"]["lastRun"]["status"] == "success"
    asked = [entry["path"] for entry in tenant.sandbox.requests("GET", "/discover")]
    assert asked == ["/api/v1/connectors/2/discover"], "once, however many runs there are"


def test_a_requested_run_begins_after_the_request_and_nobody_is_surprised_by_its_job(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(run={"successfulHistory": 1})
    tenant.sandbox.outcome(seconds=6)
    tenant.kube.create(by_hand(tenant, "before"), tenant.namespace)
    eventually(lambda: runs(tenant), "its run")

    asked = tenant.get()["metadata"]["resourceVersion"]
    tenant.request_run("after")
    answered = eventually(
        lambda: sync if (sync := tenant.get())["status"].get("lastHandledRunRequest") == "after" else None, "the answer"
    )
    job = answered["status"]["lastRun"]["job"]
    assert job != "before"
    assert "finishedAt" not in answered["status"]["lastRun"], "who waits for it waits for this run"
    sync = eventually(lambda: done(tenant.get(), job), "the run that was asked for")
    states = [state["status"] for state in tenant.history(asked)]
    told = [state["lastRun"]["job"] for state in states if state.get("lastHandledRunRequest") == "after"]
    assert set(told) == {job}, "from the very status on that says that the request was answered"

    assert sync["status"]["lastRun"]["id"] == "2"
    assert [run["status"] for run in runs(tenant)] == ["success", "success"]
    assert sync["metadata"]["annotations"]["squared.ai/handled-run-request"] == "after"
    about = [event for event in tenant.all_events() if event["involvedObject"]["kind"] == "CronJob"]
    assert [event["message"] for event in about if event["reason"] == "UnexpectedJob" and job in event["message"]] == []

    tenant.request_run("again")
    eventually(
        lambda: [entry for entry in tenant.jobs() if entry["metadata"]["name"] == job] == [], "the old Job to go"
    )
    tenant.delete()
    tenant.gone()
    eventually(lambda: tenant.jobs() == [], "its Jobs to go with it")


def test_a_sync_from_a_backup_repeats_no_request(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(deletionPolicy="Retain")
    tenant.request_run("one")
    tenant.ran("Request")
    backup = tenant.get()
    tenant.delete()
    tenant.gone()

    kept = {name: backup["metadata"][name] for name in ("name", "annotations")}
    tenant.kube.create(backup | {"metadata": kept}, tenant.namespace)
    sync = tenant.when(SYNC_KIND, "orders", "Ready")

    assert sync["status"]["id"] == backup["status"]["id"]
    assert sync["status"]["lastHandledRunRequest"] == "one"
    assert "lastRun" not in sync["status"], "it is answered by no Job"
    tenant.request_run("two")
    tenant.ran("Request")
    assert len(runs(tenant)) == 2, "of the first request before, and of the new one"


def test_a_request_is_answered_once(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()

    tenant.request_run("one")
    assert tenant.ran("Request")["status"]["serverStatus"] == "healthy", "whatever an older list says"
    tenant.patch(suspend=True, suspendReason="quiet time")
    tenant.when(SYNC_KIND, "orders", "Ready", reason="Suspended")

    assert tenant.get()["status"]["lastHandledRunRequest"] == "one"
    assert len(tenant.jobs()) == 1

    tenant.request_run("two")
    eventually(lambda: tenant.get()["status"].get("lastHandledRunRequest") == "two", "the second request, suspended")
    eventually(lambda: len(tenant.jobs()) == 2, "a second Job")


def test_kubectl_create_job_works_the_same(tenant: Tenant, plane: Plane) -> None:
    tenant.connect()
    tenant.ready()

    made = plane.kubectl("-n", tenant.namespace, "create", "job", "by-hand", "--from=cronjob/orders")
    assert made.returncode == 0, made.stderr

    last = tenant.ran("Request")["status"]["lastRun"]
    assert (last["job"], last["status"]) == ("by-hand", "success")


def test_progress_can_be_followed_in_the_log(tenant: Tenant, plane: Plane) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.outcome(seconds=6)
    tenant.request_run("one")
    job = eventually(lambda: tenant.get()["status"].get("lastRun", {}).get("job"), "the Job")
    eventually(
        lambda: [pod for pod in tenant.pods() if pod["status"]["phase"] in {"Running", "Succeeded"}],
        "the pod to run",
    )

    followed = plane.kubectl("-n", tenant.namespace, "logs", "-f", f"job/{job}")

    assert followed.returncode == 0, followed.stderr
    messages = [json.loads(line)["message"] for line in followed.stdout.splitlines()]
    assert messages[0] == "triggered sync 1"
    assert any("1000 rows to send" in message for message in messages), messages
    assert messages[-1].startswith("run 1: 1000 of 1000 rows delivered")


def test_a_foreign_change_of_the_cronjob_is_put_back(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")

    tenant.kube.batch.patch_namespaced_cron_job(
        "orders", tenant.namespace, {"spec": {"schedule": "0 5 * * *", "concurrencyPolicy": "Allow"}}
    )

    eventually(lambda: tenant.cronjob()["spec"]["schedule"] == "0 1 * * *", "the schedule to be put back")
    assert tenant.cronjob()["spec"]["concurrencyPolicy"] == "Forbid"
    sync = tenant.when(SYNC_KIND, "orders", "Scheduled", reason="DriftCorrected")
    message = condition(sync, "Scheduled")["message"]
    assert 'spec.schedule from "0 1 * * *" to "0 5 * * *" (by OpenAPI-Generator)' in message
    assert 'spec.concurrencyPolicy from "Forbid" to "Allow" (by OpenAPI-Generator)' in message
    assert "was changed from outside and put back; change the spec of this Sync instead" in message
    tenant.told("DriftCorrected")


def test_a_cronjob_of_somebody_else_is_not_touched(tenant: Tenant) -> None:
    before = tenant.kube.create(foreign_cronjob("orders"), tenant.namespace)
    tenant.connect()

    tenant.sync()
    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "Conflict")
    assert "CronJob 'orders'" in condition(sync)["message"]
    tenant.delete()
    tenant.gone()

    assert tenant.cronjob() == before


def test_a_run_that_others_started_during_ours_is_seen(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.request_run("one")
    tenant.ran("Request")
    assert tenant.sandbox.call("POST", "/schedule_syncs", schedule_sync={"sync_id": 1}).status_code == 200
    eventually(lambda: [run["status"] for run in runs(tenant)] == ["success", "success"], "their run to end")

    tenant.sandbox.outcome(ending="failed")
    made = tenant.kube.create(by_hand(tenant, "by-hand"), tenant.namespace)

    sync = eventually(lambda: done(tenant.get(), made["metadata"]["name"]), "our run to be told")
    assert sync["status"]["lastRun"]["id"] == "3"
    assert condition(sync, "RunsHealthy")["reason"] == "RunFailed"


def test_two_jobs_at_once_are_both_told(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.outcome(seconds=4)
    tenant.kube.create(by_hand(tenant, "first"), tenant.namespace)
    eventually(lambda: runs(tenant), "its run")
    tenant.kube.create(by_hand(tenant, "second"), tenant.namespace)

    eventually(
        lambda: {job["metadata"]["name"] for job in tenant.jobs() if reported(job)} == {"first", "second"}, "both told"
    )
    eventually(lambda: tenant.events().count("RunSucceeded") == 2, "two events")


def test_jobs_that_ended_while_the_operator_was_down_are_told_in_order(tenant: Tenant, controller: Controller) -> None:
    tenant.connect()
    tenant.ready()
    good, bad = (by_hand(tenant, name, *SILENT) for name in ("good", "bad"))
    idle = by_hand(tenant, "idle", "--version")
    controller.stop()
    for manifest, outcome in ((good, {}), (bad, {"ending": "failed"}), (idle, {})):
        tenant.sandbox.outcome(seconds=1, **outcome)
        tenant.kube.create(manifest, tenant.namespace)
        name = manifest["metadata"]["name"]
        eventually(lambda name=name: tenant.job(name)["status"].get("conditions"), f"Job {name} to end")  # type: ignore[misc]
    controller.start()

    sync = eventually(lambda: done(tenant.get(), "idle"), "the last Job to be told")

    def told() -> dict[str, str | None]:
        """By Job, the run that was taken for its own."""
        return {
            job["metadata"]["name"]: job["metadata"]["annotations"].get("squared.ai/reported") for job in tenant.jobs()
        }

    expected = {"good": "1", "bad": "2", "idle": "true"}
    eventually(lambda: told() == expected, "each to be told by its own run, though no pod said which")
    assert [run.get("id") for run in sync["status"]["recentRuns"]] == [None, "2", "1"]
    assert [run["verdict"] for run in sync["status"]["recentRuns"]] == ["failed", "failed", "delivered"]
    assert sync["status"]["lastSuccessAt"], "the first one succeeded"
    tenant.told("RunSucceeded", "RunFailed", "RunFailed")


def test_a_job_that_was_deleted_at_once_is_told_all_the_same(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()
    tenant.sandbox.outcome(seconds=2)
    tenant.kube.create(by_hand(tenant, "short-lived"), tenant.namespace)
    eventually(lambda: tenant.get()["status"].get("lastRun", {}).get("job"), "the Job to be seen")
    eventually(lambda: runs(tenant), "its run")

    tenant.kube.batch.delete_namespaced_job("short-lived", tenant.namespace, propagation_policy="Orphan")

    last = tenant.ran("Request", seconds=60)["status"]["lastRun"]
    assert (last["job"], last["status"]) == ("short-lived", "success")


@pytest.mark.timeout(240)
def test_a_sync_that_the_server_schedules_is_observed(tenant: Tenant) -> None:
    tenant.connect()
    tenant.sandbox.outcome(seconds=1, failed_rows=3, reason="no such column")
    tenant.ready(scheduler="Server", scheduleType="cron_expression", cronExpression="* * * * *")
    assert tenant.cronjobs() == []

    sync = tenant.ran("Other", seconds=100)
    assert condition(sync)["reason"] == "ServerScheduled"
    assert sync["status"]["effectiveSchedule"] == "* * * * *"
    assert len(sync["status"]["nextRuns"]) == 5
    assert condition(sync, "RunsHealthy")["reason"] == "RowsRejected"
    tenant.told("RowsRejected")

    tenant.request_run("one")
    tenant.told("RunSkipped")
    tenant.patch(suspend=True)
    eventually(lambda: tenant.sandbox.syncs()[0]["status"] == "disabled", "the server's schedule to be suspended")
    tenant.patch(suspend=False)
    eventually(lambda: tenant.sandbox.syncs()[0]["status"] == "pending", "the server's schedule to go on")

    tenant.patch(scheduler="CronJob")
    tenant.when(SYNC_KIND, "orders", "Ready", reason="Scheduled")
    assert tenant.sandbox.syncs()[0]["server_schedule"] is None
    assert tenant.cronjobs() == ["orders"]


def test_a_deleted_cronjob_comes_back(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready()

    tenant.kube.batch.delete_namespaced_cron_job("orders", tenant.namespace)

    eventually(lambda: tenant.cronjobs() == ["orders"], "the CronJob to come back")


def test_the_run_pod_is_restricted(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(
        run={"timeout": "2h", "pod": {"nodeSelector": {"disk": "fast"}, "resources": {"limits": {"cpu": "1000m"}}}}
    )

    job = tenant.cronjob()["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]

    assert job["activeDeadlineSeconds"] == 2 * 3600 + 120
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not any("sandbox-token" in entry.get("value", "") for entry in container["env"])
    assert pod["nodeSelector"] == {"disk": "fast"}

    tenant.patch(run={"pod": {"nodeSelector": None}})
    eventually(
        lambda: "nodeSelector" not in tenant.cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        "the node selector to go",
    )


def test_suspend_and_manual_have_no_next_runs(tenant: Tenant) -> None:
    tenant.connect()

    manual = tenant.ready("by-hand")
    assert condition(manual)["reason"] == "Manual"
    assert "nextRuns" not in manual["status"]

    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")
    tenant.patch(suspend=True, suspendReason="migration")
    sync = tenant.when(SYNC_KIND, "orders", "Ready", reason="Suspended")
    assert "migration" in condition(sync)["message"]
    assert "nextRuns" not in sync["status"]
    assert tenant.cronjob()["spec"]["suspend"] is True
