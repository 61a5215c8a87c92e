"""The runner against the sandbox, in one loop with a clock that the test moves: how runs are judged and followed."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from tests.support.pods import follower_of, job_of, plan, run_pod, triggers
from tests.support.served import BODY, START, Served

from sync_operator.errors import FailedPreconditionError, UnauthorizedError
from sync_operator.runner.main import _until_sigterm as until_sigterm
from sync_operator.runner.outcome import ExitCode
from sync_operator.runner.retry import RetryExhaustedError
from sync_operator.sandbox.state import Ending


@pytest.fixture
async def api(api: Served) -> Served:
    """With one registered sync."""
    await api.client.syncs.create(BODY)
    return api


async def test_a_run_is_made_followed_and_judged(api: Served) -> None:
    ending = await run_pod(api)
    assert (ending.code, ending.run.id if ending.run else None) == (ExitCode.DELIVERED, 1)
    assert "100 of 100 rows delivered" in ending.message
    assert triggers(api) == 1


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        ({"ending": Ending.FAILED}, ExitCode.FAILED, "ended as failed"),
        ({"ending": Ending.FAILED, "abrupt": True}, ExitCode.FAILED, "ended as failed"),
        ({"failed_rows": 100}, ExitCode.FAILED, "0 of 100 rows delivered"),
        ({"failed_rows": 6}, ExitCode.FAILED, "allows 5 %"),
        ({"failed_rows": 5}, ExitCode.DELIVERED, "95 of 100"),
        ({"rows": 0}, ExitCode.DELIVERED, "no rows to send"),
        ({"pending_rows": 1}, ExitCode.FAILED, "99 of 100 rows delivered, 0 refused, 1 neither"),
        ({"unkeyed_rows": 99}, ExitCode.DELIVERED, "1 of 1 rows delivered, 0 refused; 99 of 100 rows read were not"),
    ],
)
async def test_runs_are_judged_by_their_rows(api: Served, outcome: dict[str, Any], code: ExitCode, words: str) -> None:
    plan(api, **outcome)
    ending = await run_pod(api, max_failed_rows_percent=5)
    assert ending.code is code
    assert words in ending.message


async def test_rows_that_a_failed_run_has_lost_are_told_by_the_next_one(api: Served) -> None:
    plan(api, ending=Ending.FAILED, keeps_rows=True)
    assert (await run_pod(api, retries=0)).code is ExitCode.FAILED
    asked = len(api.seen())
    api.clock.advance(60)

    ending = await run_pod(api)

    assert ending.code is ExitCode.FAILED
    assert "run 2: 100 rows read and none sent: run 1 had read them" in ending.message
    assert len(api.seen()) - asked <= asked, "and no request more is sent for it"


async def test_a_server_that_restarts_is_waited_for(api: Served) -> None:
    plan(api, seconds=600)
    api.fault(method="GET", path="/syncs/1/sync_runs/1", times=5, status=503)
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert api.clock.slept[-5:] != [2.0] * 5, "less and less often"


@pytest.mark.parametrize(("retry_after", "waits"), [("30", [30.0, 30.0]), (None, [2.0, 4.0]), ("0", [2.0, 4.0])])
async def test_a_throttling_server_is_waited_for(api: Served, retry_after: str | None, waits: list[float]) -> None:
    api.fault(method="GET", path="/syncs/1/sync_runs$", times=2, status=429, retry_after=retry_after)
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert api.clock.slept[:2] == waits


async def test_a_server_that_stays_away_ends_the_runner(api: Served) -> None:
    api.fault(method="GET", path="/syncs/1/sync_runs", times=-1, status=503)
    with pytest.raises(RetryExhaustedError, match="503"):
        await run_pod(api)
    assert api.clock.seconds() <= 300


async def test_a_server_that_goes_away_in_the_middle_is_waited_for_longer(api: Served) -> None:
    plan(api, seconds=3000)
    api.fault(method="GET", path="/syncs/1/sync_runs/1", times=-1, status=503)
    with pytest.raises(RetryExhaustedError, match="503"):
        await run_pod(api)
    assert 1700 <= api.clock.seconds() <= 1900


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(503, ExitCode.UNREACHABLE, "answered with 503; gave up after"), (403, ExitCode.REFUSED, "a role that may")],
)
async def test_a_run_that_is_lost_sight_of_is_said_to_go_on(
    api: Served, status: int, code: ExitCode, words: str
) -> None:
    plan(api, stuck=True)
    api.fault(method="GET", path="/syncs/1/sync_runs/1", times=-1, status=status, body={})
    ending = await until_sigterm(follower_of(api))
    assert ending.code is code
    assert words in ending.message
    assert ending.message.endswith("; run 1 goes on unwatched")


async def test_a_run_that_was_deleted_with_its_sync_is_not_said_to_go_on(api: Served) -> None:
    plan(api, stuck=True)

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if api.clock.seconds() > 60:
            await api.client.syncs.delete("1")

    ending = await until_sigterm(follower_of(api, sleep=sleep))
    assert ending.code is ExitCode.REFUSED
    assert ending.message.endswith("was answered with 404: Sync not found")


@pytest.mark.parametrize("own", [True, False])
async def test_a_sync_that_is_disabled_under_a_run_ends_the_pod_and_says_what_to_do(api: Served, *, own: bool) -> None:
    plan(api, seconds=3600)
    if not own:
        await api.client.trigger("1")
        api.clock.advance(60)

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if api.clock.seconds() > 600 and api.store.syncs[1].status != "disabled":
            await api.client.set_enabled("1", False)

    ending = await run_pod(api, sleep=sleep)
    assert ending.code is (ExitCode.CANCELED if own else ExitCode.REFUSED)
    assert "was left behind as querying when the sync was disabled on the server; enable it" in ending.message
    assert api.clock.seconds() < 1500


async def test_an_own_run_left_behind_is_canceled_and_not_made_again(api: Served) -> None:
    plan(api, seconds=3600)

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if 600 < api.clock.seconds() < 700:
            await api.client.set_enabled("1", False)
            await api.client.set_enabled("1", True)

    ending = await run_pod(api, sleep=sleep)
    assert (ending.code, ending.run is not None, len(api.store.runs)) == (ExitCode.CANCELED, True, 1)
    assert 2 * 3600 < api.clock.seconds() < 3 * 3600


async def test_a_row_left_behind_that_cannot_be_canceled_is_not_hammered_at(api: Served) -> None:
    await api.client.trigger("1")
    api.clock.advance(30)
    await api.client.set_enabled("1", False)
    await api.client.set_enabled("1", True)
    api.store.temporal_away = True
    ending = await run_pod(api, job_of(START + timedelta(minutes=1)), timeout=timedelta(hours=5))
    assert ending.code is ExitCode.CANCELED
    tries = [entry for entry in api.faults.log if entry.method == "DELETE"]
    assert 10 < len(tries) < 45
    assert len(api.seen()) < 5 * 60 * 3


async def test_a_dead_token_is_waited_for_and_its_trigger_does_not_count_as_sent(api: Served) -> None:
    api.fault(method="POST", path="/schedule_syncs", times=5, status=401)
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert triggers(api) == 1
    assert api.clock.slept[:30] == [5.0] * 30, "the file is looked at every 5 s for at least 150 s"
    assert len(api.seen()) < 30, "but the server is not asked each time"


async def test_a_token_that_dies_in_the_middle_is_waited_for(api: Served) -> None:
    plan(api, seconds=4000)

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if 1000 < api.clock.seconds() < 1600:
            api.store.tokens.pop("good", None)
        else:
            api.store.tokens["good"] = replace(api.store.tokens["viewer"], role="Admin")

    assert (await run_pod(api, sleep=sleep)).code is ExitCode.DELIVERED
    assert triggers(api) == 1


async def test_a_token_that_stays_dead_ends_the_runner(api: Served) -> None:
    api.fault(times=-1, status=401)
    with pytest.raises(UnauthorizedError, match="waiting for a new token; gave up after"):
        await run_pod(api)
    assert 150 <= api.clock.seconds() <= 300


async def test_a_disabled_sync_is_refused(api: Served) -> None:
    await api.client.set_enabled("1", False)
    with pytest.raises(FailedPreconditionError, match="disabled"):
        await run_pod(api)


async def test_the_own_timeout_cancels(api: Served) -> None:
    plan(api, stuck=True)
    ending = await run_pod(api, timeout=timedelta(minutes=10))
    assert ending.code is ExitCode.CANCELED
    assert api.store.runs[1].status == "canceled"
    assert 600 <= api.clock.seconds() < 620


async def test_the_own_timeout_counts_from_the_start_of_the_run_over_all_pods(api: Served) -> None:
    plan(api, stuck=True)
    slot, steps = job_of(START), count()

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if next(steps) == 20:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run_pod(api, slot, timeout=timedelta(minutes=10), sleep=sleep)
    ending = await run_pod(api, slot, timeout=timedelta(minutes=10))
    assert ending.code is ExitCode.CANCELED
    assert 600 <= api.clock.seconds() < 620


async def test_the_own_timeout_leaves_anothers_run_its_time(api: Served) -> None:
    plan(api, stuck=True)
    await api.client.trigger("1")
    api.clock.advance(3600)
    ending = await run_pod(api, job_of(api.clock()), timeout=timedelta(minutes=10))
    assert ending.code is ExitCode.CANCELED
    assert 4200 <= api.clock.seconds() < 4220


async def test_a_cancel_that_the_server_swallows_is_sent_again_and_told(api: Served) -> None:
    plan(api, stuck=True)
    api.fault(method="DELETE", path="/schedule_syncs", times=2, status=200, body={})
    ending = await run_pod(api, timeout=timedelta(minutes=10))
    assert (ending.code, ending.run is not None) == (ExitCode.CANCELED, True)

    plan(api, stuck=True)
    api.fault(method="DELETE", path="/schedule_syncs", times=-1, status=200, body={})
    ending = await run_pod(api, timeout=timedelta(minutes=10))
    assert (ending.code, ending.run) == (ExitCode.CANCELED, None)
    assert "the server lets it go on" in ending.message


async def test_a_timeout_without_a_server_is_told_as_that(api: Served) -> None:
    plan(api, stuck=True)
    api.fault(method="DELETE", path="/schedule_syncs", times=-1, status=503)
    ending = await run_pod(api, timeout=timedelta(minutes=10))
    assert ending.code is ExitCode.CANCELED
    assert "not canceled: DELETE /schedule_syncs/1 was answered with 503" in ending.message
    assert api.clock.seconds() < 720, "within what the Job's deadline leaves"


async def test_a_run_that_ended_just_before_it_was_canceled_counts(api: Served) -> None:
    plan(api, seconds=60)

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if api.clock.seconds() >= 55:
            api.clock.advance(10)

    ending = await run_pod(api, timeout=timedelta(seconds=55), sleep=sleep)
    assert ending.code is ExitCode.DELIVERED


async def test_a_run_canceled_by_somebody_is_told(api: Served) -> None:
    plan(api, seconds=600)

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if api.clock.seconds() > 60 and api.store.runs[1].moving:
            await api.client.cancel("1")

    ending = await run_pod(api, sleep=sleep)
    assert (ending.code, ending.message.startswith("run 1 was canceled")) == (ExitCode.CANCELED, True)


async def test_polling_backs_off_to_once_a_minute(api: Served) -> None:
    plan(api, seconds=4 * 3600)
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert max(api.clock.slept) == 60.0
    polls = [path for _, path, _ in api.seen() if path.startswith("/syncs/1/sync_runs/")]
    assert len(polls) < 4 * 60 + 20
    assert len(api.seen()) - len(polls) < 4 * 6 + 10, "and the sync is looked at six times an hour at most"
