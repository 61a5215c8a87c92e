"""The runner as the process that a run pod is, against the sandbox in real time: one test for each surprise of §7."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.pods import Pod, job_of, plan, start_pod, triggers
from tests.support.served import BODY, Served, WallClock, served

from sync_operator.syncapi.types import Dialect

QUICK: dict[str, Any] = {"appears_after": 0.3, "seconds": 1.0}
AUTOMATED = {"schedule_type": "automated", "sync_interval": 600, "sync_interval_unit": "minutes"}


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    """In real time, with one registered sync."""
    async with served(clock=WallClock()) as running:
        running.store.default_outcome = replace(running.store.default_outcome, **QUICK)
        await running.client.syncs.create(BODY)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pod's files, with a token."""
    (tmp_path / "token").write_text("good\n")
    return tmp_path


async def ended(api: Served, folder: Path, **environment: str) -> tuple[int, Pod]:
    """Run a pod to its end."""
    pod = await start_pod(api, folder, **environment)
    return await pod.wait(), pod


def just_before_the_hour(api: Served, *, seconds: float) -> None:
    """Set the server's clock to that many seconds before a full hour, when its own schedule fires."""
    now = api.clock()
    api.clock.advance(3600 - seconds - (now.minute * 60 + now.second + now.microsecond / 1e6))


async def test_its_log_tells_the_story_and_its_last_words_the_result(api: Served, folder: Path) -> None:
    code, pod = await ended(api, folder, LOG_FORMAT="json")
    assert code == 0, pod.log()
    lines = [json.loads(line) for line in pod.log().splitlines()]
    assert [line["message"] for line in lines[:2]] == ["triggered sync 1", "run 1 started"]
    assert (lines[-2]["status"], lines[-2]["succeeded"], lines[-2]["run"]) == ("success", 100, 1)
    assert (lines[-1]["message"], lines[-1]["exit_code"]) == ("run 1: 100 of 100 rows delivered, 0 refused", 0)
    rows = {"queried": 100, "total": 100, "succeeded": 100, "failed": 0, "skipped": 0}
    assert pod.said() == {"message": lines[-1]["message"], "runId": 1, "status": "success", "rows": rows}


async def test_success_does_not_mean_delivered(api: Served, folder: Path) -> None:
    plan(api, failed_rows=1)
    code, pod = await ended(api, folder)
    assert (code, pod.said()["status"], pod.said()["rows"]["failed"]) == (1, "success", 1)


async def test_it_loads_neither_the_controllers_libraries_nor_anybodys_command_line(api: Served, folder: Path) -> None:
    code, pod = await ended(api, folder, PYTHONPROFILEIMPORTTIME="1")
    assert code == 0
    loaded = {line.rpartition("|")[2].strip() for line in pod.log().splitlines() if line.startswith("import time:")}
    assert "sync_operator.runner.follow" in loaded
    heavy = {"kopf", "aiohttp", "kubernetes", "pydantic", "croniter", "uvloop", "yaml", "click", "rich", "pygments"}
    assert not heavy & loaded, "each costs a run pod more than its own start-up"


async def test_an_active_run_is_followed(api: Served, folder: Path) -> None:
    await api.client.trigger("1")
    await asyncio.sleep(0.5)
    code, pod = await ended(api, folder)
    assert (code, pod.said()["runId"], len(api.store.runs)) == (0, 1, 1)


async def test_an_earlier_trigger_that_is_still_to_make_its_run_is_not_doubled(api: Served, folder: Path) -> None:
    plan(api, appears_after=3)
    await api.client.trigger("1")
    code, pod = await ended(api, folder)
    assert (code, pod.said()["runId"], len(api.store.runs)) == (0, 1, 1)


@pytest.mark.parametrize("fault", [{"lose": "after"}, {"status": 502}, {"status": 429, "retry_after": "1"}])
async def test_a_trigger_that_got_no_good_answer_makes_no_second_run(
    api: Served, folder: Path, fault: dict[str, Any]
) -> None:
    if fault.get("status") == 502:
        await api.client.trigger("1")
    api.fault(method="POST", path="/schedule_syncs", **fault)
    code, pod = await ended(api, folder)
    assert (code, len(api.store.runs)) == (0, 1), pod.log()


@pytest.mark.parametrize("way", [{"lose": "before"}, {}])
async def test_a_swallowed_trigger_is_not_repeated_for_two_minutes_but_by_the_next_pod_it_is(
    api: Served, folder: Path, way: dict[str, Any]
) -> None:
    api.fault(method="POST", path="/schedule_syncs", **way)
    plan(api, appears_after=None if not way else 0.3)
    pod = await start_pod(api, folder)
    await pod.logged("looking for the run" if way else "triggered sync 1")
    await asyncio.sleep(3)
    assert len([entry for entry in api.seen() if entry[1] == "/schedule_syncs"]) == 1
    pod.send(signal.SIGKILL)
    await pod.wait()
    code, pod = await ended(api, folder)
    assert (code, len(api.store.runs)) == (0, 1), pod.log()


async def test_a_server_schedule_that_an_update_did_not_stop_makes_triggers_void(api: Served, folder: Path) -> None:
    await api.client.syncs.update("1", {"schedule_type": "interval", "sync_interval": 1, "sync_interval_unit": "hours"})
    await api.client.syncs.update("1", BODY)
    just_before_the_hour(api, seconds=10)
    code, pod = await ended(api, folder)
    assert (code, triggers(api), len(api.store.runs)) == (0, 1, 1), pod.log()
    assert api.store.runs[1].created_at.minute == 0, "the server's own run, which came in between"


async def test_a_token_that_dies_during_the_run_is_read_again_from_its_file(api: Served, folder: Path) -> None:
    plan(api, seconds=3)
    pod = await start_pod(api, folder)
    await pod.logged("run 1 started")
    api.store.tokens["better"] = api.store.tokens.pop("good")
    await pod.logged("waiting for a new token")
    (folder / "token").write_text("better\n")
    assert await pod.wait() == 0, pod.log()
    assert triggers(api) == 1
    assert "better" not in pod.log()


async def test_a_server_that_restarts_is_waited_for(api: Served, folder: Path) -> None:
    plan(api, seconds=3)
    pod = await start_pod(api, folder)
    await pod.logged("run 1 started")
    await api.go_away()
    await pod.logged("cannot be reached")
    await api.come_back()
    assert await pod.wait() == 0, pod.log()
    assert triggers(api) == 1


async def test_a_row_left_behind_by_a_disabled_sync_is_canceled_and_the_sync_runs(api: Served, folder: Path) -> None:
    await api.client.trigger("1")
    api.clock.advance(0.6)
    await api.client.set_enabled("1", False)
    await api.client.set_enabled("1", True)
    api.clock.advance(3 * 3600)
    code, pod = await ended(api, folder)
    assert (code, pod.said()["runId"]) == (0, 2), pod.log()
    assert [run.status for run in api.store.runs.values()] == ["canceled", "success"]
    assert "run 1 was left behind as querying: nothing has moved it for 3.0 hours; canceling it" in pod.log()


async def test_a_disabled_sync_is_refused_and_says_what_to_do(api: Served, folder: Path) -> None:
    await api.client.set_enabled("1", False)
    code, pod = await ended(api, folder)
    assert (code, "Sync is disabled" in pod.said()["message"]) == (2, True)


async def test_sigterm_leaves_the_run_to_the_next_pod(api: Served, folder: Path) -> None:
    plan(api, seconds=4)
    pod = await start_pod(api, folder)
    await pod.logged("run 1 started")
    pod.send(signal.SIGTERM)
    assert await pod.wait() == 143
    assert pod.said()["message"] == "told to stop: run 1 goes on, and the next pod of this Job follows it"
    assert not [entry for entry in api.seen() if entry[0] == "DELETE"]
    code, pod = await ended(api, folder)
    assert (code, pod.said()["runId"], len(api.store.runs)) == (0, 1, 1)


async def test_the_own_timeout_cancels_even_when_told_to_stop_meanwhile(api: Served, folder: Path) -> None:
    plan(api, stuck=True)
    api.fault(method="DELETE", path="/schedule_syncs", delay=1.0)
    told = asyncio.Event()

    async def on_request(when: str, request: web.Request) -> bool:
        if when == "before" and request.method == "DELETE":
            told.set()
        return False

    api.on_request = on_request
    pod = await start_pod(api, folder, SYNC_RUN_TIMEOUT="2s")
    await told.wait()
    pod.send(signal.SIGTERM)
    assert await pod.wait() == 4, pod.log()
    assert (pod.said()["status"], api.store.runs[1].status) == ("canceled", "canceled")
    assert "told to stop: will do so after canceling" in pod.log()


async def test_a_run_that_ended_between_two_pods_is_judged_not_repeated(api: Served, folder: Path) -> None:
    plan(api, failed_rows=7)
    job = job_of(datetime.now(UTC))
    pod = await start_pod(api, folder, SYNC_RUN_NAME=job)
    await pod.logged("triggered sync 1")
    pod.send(signal.SIGKILL)
    await pod.wait()
    await asyncio.sleep(1.5)
    code, pod = await ended(api, folder, SYNC_RUN_NAME=job)
    assert (code, pod.said()["rows"]["failed"], len(api.store.runs)) == (1, 7, 1)
    assert "run 1 was made for this time already: not asking for another" in pod.log()


async def test_documented_the_servers_own_run_is_followed_and_not_doubled(folder: Path) -> None:
    async with served(Dialect.DOCUMENTED, clock=WallClock()) as api:
        await api.client.syncs.create(BODY | AUTOMATED)
        plan(api, **QUICK)
        just_before_the_hour(api, seconds=0.5)
        code, pod = await ended(api, folder)
        assert (code, pod.said()["runId"], triggers(api)) == (0, 1, 0), pod.log()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_request_it_leaves_one_run_which_the_next_pod_follows(
    api: Served, folder: Path, when: str
) -> None:
    """`before`: the request never arrives; `after`: it is carried out, and the answer finds nobody."""
    for fatal in count(1):
        sync_id = (await api.client.syncs.create(BODY)).id
        death = Death(when, fatal)
        api.on_request = death
        pod = {"SYNC_ID": sync_id, "SYNC_RUN_NAME": job_of(datetime.now(UTC))}
        death.pod = await start_pod(api, folder, **pod)
        code = await death.pod.wait()
        if code == -signal.SIGKILL:
            code, _ = await ended(api, folder, **pod)
        [run] = api.store.runs_of(int(sync_id))
        assert (code, death.pod.said()["runId"], run.status) == (0, run.id, "success"), death.pod.log()
        if death.requests_left > 0:
            break
    assert fatal > 5


@dataclass
class Death:
    """Kills a pod at one of its requests."""

    when: str
    requests_left: int
    pod: Pod | None = None

    async def __call__(self, when: str, _: web.Request) -> bool:
        self.requests_left -= when == self.when
        if when != self.when or self.requests_left != 0 or self.pod is None:
            return False
        self.pod.send(signal.SIGKILL)
        return True
