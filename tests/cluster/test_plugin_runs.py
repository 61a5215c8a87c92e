"""`kubectl sync run --wait`, `runs` and `logs`, with the real controller and pods that really run."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from tests.support.faults import Call, Fault, Moment
from tests.support.kubeproxy import running_kubeproxy
from tests.support.plane import Plane
from tests.support.plugin import Plugin
from tests.support.running import eventually
from tests.support.syncs import MAPPING, Tenant


@pytest.fixture
def plugin(plane: Plane, tenant: Tenant) -> Plugin:
    tenant.connect()
    return Plugin(plane.kubeconfig, tenant.namespace)


def started(tenant: Tenant, count: int) -> None:
    """Wait until the server has so many runs."""
    eventually(lambda: len(tenant.sandbox.runs()) == count, f"{count} runs")


def test_a_run_that_delivers_ends_with_0(tenant: Tenant, plugin: Plugin) -> None:
    tenant.ready(scheduleType="manual")

    assert "orders has not run yet: kubectl sync run orders" in plugin("runs", "orders")
    assert "orders has not run yet" in plugin("logs", "orders", code=2)
    for number in ("1", "2"):
        told = plugin.data("run", "orders", "--wait")
        [run] = told["runs"]
        assert (run["result"], run["exitCode"], run["run"]["id"]) == ("delivered", 0, number)
        assert run["run"]["rows"]["succeeded"] == 1000
    assert run["request"] == tenant.get()["status"]["lastHandledRunRequest"]
    shown = plugin("runs", "orders").splitlines()
    assert shown[0].split() == ["RUN", "TRIGGER", "RESULT", "STARTED", "TOOK", "ROWS", "REFUSED"]
    assert [line.split()[:3] for line in shown[1:]] == [["2", "Request", "delivered"], ["1", "Request", "delivered"]]
    assert "run 1" in plugin("logs", "orders", "--run", "1")
    assert "1000 of 1000 rows delivered" in plugin("logs", "orders", "-f")
    assert "no run '77' that the operator remembers" in " ".join(
        plugin("logs", "orders", "--run", "77", code=2).split()
    )
    eventually(lambda: len(tenant.jobs()) == 2, "both Jobs")
    plane_jobs = [job["metadata"]["name"] for job in tenant.jobs()]
    for name in plane_jobs:
        tenant.kube.batch.delete_namespaced_job(name, tenant.namespace, propagation_policy="Background")
    eventually(lambda: tenant.pods() == [], "no pods")
    gone = " ".join(plugin("logs", "orders", "--run", "1", code=2).split())
    assert "the pod is gone; the operator remembers: run 1, requested" in gone


def test_bad_runs_end_with_the_codes_of_the_runner(tenant: Tenant, plugin: Plugin) -> None:
    tenant.ready(scheduleType="manual")
    tenant.sandbox.outcome(seconds=1, failed_rows=40, reason="invalid e-mail")
    refused = plugin("run", "orders", "--wait", code=1)
    assert "rows refused" in refused
    assert "invalid e-mail" in refused
    assert "invalid e-mail" in plugin("runs", "orders")

    tenant.sandbox.outcome(seconds=1, ending="failed")
    assert plugin.data("run", "orders", "--wait", code=1)["runs"][0]["result"] == "failed"

    tenant.sandbox.outcome(seconds=60)
    command = plugin.command("run", "orders", "--wait", "-o", "json")
    with subprocess.Popen(command, env=plugin.variables, stdout=-1, text=True) as waiting:
        started(tenant, 3)
        eventually(
            lambda: tenant.sandbox.call("DELETE", "/schedule_syncs/1").status_code == 200, "the run to be canceled"
        )
        said, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 4
    assert json.loads(said)["runs"][0]["result"] == "canceled"


def test_a_pod_that_cannot_start_is_told(tenant: Tenant, plugin: Plugin) -> None:
    tenant.ready(scheduleType="manual", run={"startTimeout": "20s", "pod": {"serviceAccountName": "absent"}})

    said = " ".join(plugin("run", "orders", "--wait", code=1).split())

    assert "orders: waiting to start" in said
    assert "did not start within spec.run.startTimeout of 20s" in said


def test_a_run_under_way_is_no_answer(tenant: Tenant, plugin: Plugin) -> None:
    tenant.ready(scheduleType="manual")
    tenant.sandbox.outcome(seconds=6)
    assert plugin("run", "orders") == "sync.squared.ai/orders run requested\n"
    started(tenant, 1)
    tenant.sandbox.outcome(seconds=1, failed_rows=1000)

    told = plugin.data("run", "orders", "--wait", code=1)

    [run] = told["runs"]
    assert (run["run"]["id"], run["result"]) == ("2", "rows refused")
    assert [run["status"] for run in tenant.sandbox.runs()] == ["success", "success"]


def test_ten_at_once_and_the_worst_code_of_all(tenant: Tenant, plugin: Plugin) -> None:
    names = [f"sync-{number}" for number in range(10)]
    for name in names:
        tenant.sync(name, scheduleType="manual", configuration=MAPPING)
    for name in names:
        tenant.when("Sync", name, "Ready")
    tenant.sandbox.outcome(seconds=1, failed_rows=1000, times=1)

    told = plugin.data("run", *names, "--wait", code=1)

    assert [run["name"] for run in told["runs"]] == names
    assert sorted(run["exitCode"] for run in told["runs"]) == [0] * 9 + [1]
    assert len(tenant.sandbox.runs()) == 10


def test_what_cannot_run_says_why_at_once(tenant: Tenant, plugin: Plugin) -> None:
    tenant.ready(scheduleType="manual")
    tenant.sync("wrong", scheduleType="manual", sourceId=77777)
    tenant.when("Sync", "wrong", "Ready", "False", "InvalidSpec")
    tenant.ready("served", scheduler="Server")

    assert "cannot run: InvalidSpec: spec.sourceId" in " ".join(plugin("run", "wrong", "--wait", code=2).split())
    assert "the server runs it by its own schedule" in " ".join(plugin("run", "served", code=2).split())
    assert "there is no Sync 'ordrs'" in plugin("run", "ordrs", "--wait", code=2)
    assert "has the labels 'a=b'" in plugin("run", "-l", "a=b", "--wait", code=2)
    plugin("suspend", "workspace/default")
    assert "Workspace 'default' is suspended" in " ".join(plugin("run", "orders", "--wait", code=2).split())
    assert tenant.sandbox.runs() == []
    plugin("resume", "workspace/default")
    tenant.when("Workspace", "default", "Ready")
    plugin("suspend", "orders", "--reason", "test")
    assert plugin.data("run", "orders", "wrong", "--wait", code=2)["runs"][0]["result"] == "delivered"


def test_ctrl_c_and_the_timeout_leave_the_run_going(tenant: Tenant, plugin: Plugin) -> None:
    tenant.ready(scheduleType="manual")
    tenant.sandbox.outcome(seconds=20)
    command = plugin.command("run", "orders", "--wait")
    with subprocess.Popen(command, env=plugin.variables, stdout=-1, stderr=subprocess.STDOUT, text=True) as waiting:
        started(tenant, 1)
        eventually(lambda: tenant.get()["status"].get("lastRun", {}).get("status") == "started", "the run to be told")
        waiting.send_signal(signal.SIGINT)
        said, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert "orders: interrupted; the run goes on: kubectl sync logs orders -f" in " ".join(said.split())

    late = " ".join(plugin("run", "orders", "--wait", "--timeout", "1s", code=124).split())

    assert "orders: not ended within 1s; the run" in late
    [run] = tenant.sandbox.runs()
    assert run["status"] not in {"success", "failed", "canceled"}


def test_an_api_server_that_goes_away_is_waited_for(
    tenant: Tenant, plane: Plane, plugin: Plugin, tmp_path: Path
) -> None:
    tenant.ready(scheduleType="manual")
    seen: list[Call] = []

    def lost(call: Call) -> Fault | None:
        seen.append(call)
        asked = sum(1 for each in seen if each.method == "PATCH")
        return Fault("lost", lose=Moment.BEFORE) if asked and 3 < len(seen) < 12 else None

    with running_kubeproxy(plane, tmp_path) as (proxy, kubeconfig):
        proxy.judge(lost)
        said = Plugin(kubeconfig, plugin.namespace)("run", "orders", "--wait")

    assert "waiting for it, the runs go on" in " ".join(said.split())
    assert "delivered" in said


@pytest.fixture
def alone(quiet: Plane, team: Tenant) -> Plugin:
    """The plugin on a cluster without a controller."""
    team.workspace()
    team.sync(scheduleType="manual")
    team.request_run("before")
    return Plugin(quiet.kubeconfig, team.namespace)


@pytest.mark.parametrize(
    ("token", "code", "words"),
    [
        ("before", 2, "was put back before the operator had seen it"),
        ("later", 124, "a later request took the place of this one, and its run answers both"),
    ],
)
def test_a_request_of_somebody_else_in_its_place(
    team: Tenant, alone: Plugin, token: str, code: int, words: str
) -> None:
    command = alone.command("run", "orders", "--wait", "--timeout", "5s")
    with subprocess.Popen(command, env=alone.variables, stdout=-1, stderr=subprocess.STDOUT, text=True) as waiting:
        eventually(lambda: team.get()["metadata"]["annotations"]["squared.ai/run-requested-at"] != "before", "it")
        team.request_run(token)
        said, _ = waiting.communicate(timeout=60)

    assert waiting.returncode == code, said
    assert words in " ".join(said.split())


def test_a_sync_that_is_deleted_meanwhile_did_not_run(team: Tenant, alone: Plugin) -> None:
    command = alone.command("run", "orders", "--wait")
    with subprocess.Popen(command, env=alone.variables, stdout=-1, stderr=subprocess.STDOUT, text=True) as waiting:
        eventually(lambda: team.get()["metadata"]["annotations"]["squared.ai/run-requested-at"] != "before", "it")
        team.delete()
        said, _ = waiting.communicate(timeout=60)

    assert waiting.returncode == 2, said
    assert "the Sync was deleted" in said
