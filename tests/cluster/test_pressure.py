"""Servers that fail, and servers that take few requests: what reaches them, and what people are told."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.apart import running_apart
from tests.support.helm import Helm
from tests.support.running import Sandbox, eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

SYNCS: Final = 400
OUTAGE: Final = 60.0
LIMIT: Final = 6000
WORKERS: Final = 16
LOOK: Final = 2.0
"""Seconds between two looks at so many objects."""
PATIENCE: Final = 240.0
"""Seconds for what takes half a minute where nothing else runs."""


@pytest.fixture
def apart(plane_binary: Path, helm: Helm, tmp_path: Path, sandbox: Sandbox) -> Iterator[Tenant]:
    """A tenant of a cluster of its own: hundreds of Syncs to be deleted would keep the shared one busy for a while."""
    with running_apart(plane_binary, helm, tmp_path, sandbox) as running:
        yield running.tenant


def ready(tenant: Tenant, status: str, reason: str = "") -> int:
    """How many Syncs have that to say of themselves."""
    syncs = tenant.kube.resource(SYNC_KIND).get(namespace=tenant.namespace).to_dict()["items"]
    found: list[dict[str, Any]] = [condition(sync) for sync in syncs]
    fits = [entry for entry in found if entry.get("status") == status and reason in {"", entry["reason"]}]
    return len(fits)


def wait(look: Callable[[], bool], what: str, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not seen in {seconds:.0f} s: {what}"
        time.sleep(LOOK)


def sync_events(tenant: Tenant) -> list[str]:
    """Reasons of all events about Syncs."""
    events = tenant.kube.resource("Event", "v1").get(namespace=tenant.namespace).to_dict()["items"]
    return [event["reason"] for event in events if event["involvedObject"]["kind"] == SYNC_KIND]


def busiest_minute(requests: list[dict[str, Any]]) -> int:
    times: list[float] = [entry["at"] for entry in requests]
    return max(sum(start <= at < start + 60 for at in times) for start in times)


def create(tenant: Tenant, names: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tenant.sync, names))


@pytest.mark.timeout(600)
def test_hundreds_of_syncs_bear_a_minute_of_503_together(apart: Tenant, sandbox: Sandbox) -> None:
    tenant = apart
    tenant.connect(requestsPerMinute=LIMIT)
    tenant.ready("before")
    sandbox.forget_requests()
    sandbox.fault(times=-1, status=503)
    began = time.monotonic()
    create(tenant, [f"sync-{number}" for number in range(SYNCS)])
    made = time.monotonic() - began
    wait(lambda: ready(tenant, "False", "ServerUnavailable") == SYNCS, "all to be told", seconds=PATIENCE)

    workspace = tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "ServerUnavailable")
    assert "503" in condition(workspace)["message"]
    assert condition(tenant.get("before"))["status"] == "True"
    wait(lambda: tenant.events("default")[:2] == ["Reconciled", "ServerUnavailable"], "the one event", seconds=60)
    told = sync_events(tenant)
    assert set(told) <= {"OutcomeUnknown", "Manual"}  # of the few whose creates were under way, and of `before`
    assert len(told) <= WORKERS + 1
    eventually(lambda: time.monotonic() - began >= OUTAGE, "a whole minute", seconds=OUTAGE + 1)
    during = sandbox.requests()
    assert len(during) <= 50

    sandbox.clear_faults()
    cleared = time.monotonic()
    wait(lambda: len(sandbox.syncs()) == SYNCS + 1, "all to be on the server", seconds=PATIENCE)
    wait(lambda: ready(tenant, "True") == SYNCS + 1, "all to be ready", seconds=60)

    took = time.monotonic() - cleared
    everything = sandbox.requests()
    sys.stdout.write(
        f"{SYNCS} Syncs made in {made:.0f} s; {len(during)} requests in the outage; all ready {took:.0f} s after it\n"
    )
    assert busiest_minute(everything) <= LIMIT / 2
    assert len(sandbox.syncs()) == SYNCS + 1
    wait(lambda: len(sync_events(tenant)) == len(told) + SYNCS, "all events, which give way to the work", seconds=90)
    # An outage of more than three periods also keeps the Workspace from being compared: told once, and when it is over.
    ends = (["Reconciled"], ["CompareFailed", "Reconciled", "Reconciled"])
    wait(lambda: sorted(tenant.events("default")[2:]) in ends, "the outage to be told as over", seconds=90)
    assert tenant.events("before") == ["Manual"]


def test_a_small_budget_is_kept_and_those_who_wait_are_told_for_how_long(tenant: Tenant, sandbox: Sandbox) -> None:
    tenant.connect(requestsPerMinute=60)
    names = [f"sync-{number}" for number in range(40)]
    create(tenant, names)
    wait(lambda: ready(tenant, "False", "Throttled") > 0, "somebody to wait", seconds=30)
    messages = [condition(tenant.get(name)).get("message", "") for name in names]
    told = [message for message in messages if message.startswith("waits for its turn, which is number ")]
    assert told
    assert all("takes 60 requests a minute (spec.requestsPerMinute of its Workspace)" in message for message in told)
    wait(lambda: ready(tenant, "True") >= 20, "the first ones, all of a minute's share at once", seconds=30)
    assert busiest_minute(sandbox.requests()) <= 30
    tenant.delete("sync-39")
    # What the runbook says of a server that takes more.
    tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, {"spec": {"requestsPerMinute": 6000}})
    wait(lambda: ready(tenant, "True") == 39, "all to be ready", seconds=60)
    tenant.gone("sync-39")
    wait(lambda: sync_events(tenant).count("Manual") >= 39, "all events", seconds=60)
    assert tenant.events("default") == ["Reconciled"]
    assert {reason for name in names[:39] for reason in tenant.events(name)} == {"Manual"}


def test_one_bad_answer_is_no_news(tenant: Tenant, sandbox: Sandbox) -> None:
    tenant.connect()
    tenant.ready("fine")
    sandbox.fault(method="GET", path="/syncs/1$", times=4, status=503)
    # The Sync fails alone: the traffic stops, the probe shows that the server is well, and the traffic goes on.
    tenant.patch("fine", scheduleType="automated", syncInterval=1, syncIntervalUnit="days")
    tenant.when(SYNC_KIND, "fine", "Ready", reason="Scheduled")
    assert tenant.events("default") == ["Reconciled"]


def test_a_pause_that_the_server_asks_for_is_kept(tenant: Tenant, sandbox: Sandbox) -> None:
    tenant.connect()
    sandbox.fault(method="POST", path="/syncs$", status=429, retry_after="12")
    create(tenant, [f"sync-{number}" for number in range(20)])
    wait(lambda: ready(tenant, "True") == 20, "all to be ready", seconds=60)

    requests = [entry for entry in sandbox.requests() if entry["method"] == "POST" or entry["path"].endswith("/me")]
    paused = next(entry["at"] for entry in requests if entry["status"] == 429)
    # What was under way by then is told when it is answered.
    after = [entry for entry in requests if paused + 3 < entry["at"]]
    assert min(entry["at"] for entry in after) >= paused + 11.9
    assert after[0]["path"].endswith("/users/me")
    assert len(sandbox.syncs()) == 20
    assert tenant.events("default") == ["Reconciled"]


def test_a_server_that_is_away_makes_deletions_wait_and_wakes_them(tenant: Tenant, sandbox: Sandbox) -> None:
    tenant.connect()
    tenant.ready()
    sandbox.fault(times=-1, status=503)
    tenant.delete()
    sync = tenant.when(SYNC_KIND, "orders", "Ready", "False", "DeleteFailed")
    assert "set spec.deletionPolicy to Retain" in condition(sync)["message"]
    sandbox.clear_faults()
    tenant.gone()
    assert sandbox.syncs() == []
