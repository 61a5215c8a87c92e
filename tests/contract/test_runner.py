from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.served import BODY, START, Served

from sync_operator.errors import StateError
from sync_operator.runner.ending import Ending, ExitCode
from sync_operator.runner.follow import Follower
from sync_operator.runner.patience import Clock, GaveUpError
from sync_operator.sandbox.state import Ending as RunEnding
from sync_operator.settings import RunnerSettings


def settings(api: Served, **changes: Any) -> RunnerSettings:
    base = RunnerSettings(sync_id="1", api_url=api.url, dialect=api.client.dialect, token_file=Path("token"))
    return replace(base, **changes)


async def run(api: Served, slot: datetime | None = None, **changes: Any) -> Ending:
    clock = Clock(api.clock.seconds, api.clock.sleep)
    return await Follower(api.client, settings(api, **changes), clock).run(slot)


def plan(api: Served, **changes: Any) -> None:
    api.store.planned.setdefault(1, []).append(replace(api.store.default_outcome, **changes))


def triggers(api: Served) -> int:
    return sum(1 for method, path, status in api.seen() if (method, path, status) == ("POST", "/schedule_syncs", 200))


@pytest.fixture
async def api(api: Served) -> Served:
    """With one registered sync."""
    await api.client.create_sync(BODY)
    return api


@pytest.fixture
async def documented_api(documented_api: Served) -> Served:
    """With one sync that the server itself runs, crudely: 600 minutes become every full hour."""
    automated = {"schedule_type": "automated", "sync_interval": 600, "sync_interval_unit": "minutes"}
    await documented_api.client.create_sync(BODY | automated)
    return documented_api


async def test_a_run_is_made_followed_and_judged(api: Served) -> None:
    ending = await run(api)
    assert (ending.code, ending.run.id if ending.run else None) == (ExitCode.DELIVERED, 1)
    assert "100 of 100 rows delivered" in ending.message
    assert triggers(api) == 1


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        ({"ending": RunEnding.FAILED}, ExitCode.FAILED, "ended as failed"),
        ({"failed_rows": 100}, ExitCode.FAILED, "0 of 100 rows delivered"),
        ({"failed_rows": 6}, ExitCode.FAILED, "allows 5 %"),
        ({"failed_rows": 5}, ExitCode.DELIVERED, "95 of 100"),
        ({"rows": 0}, ExitCode.DELIVERED, "no rows to send"),
    ],
)
async def test_runs_are_judged_by_their_rows(api: Served, outcome: dict[str, Any], code: ExitCode, words: str) -> None:
    plan(api, **outcome)
    ending = await run(api, max_failed_rows_percent=5)
    assert ending.code is code
    assert words in ending.message


async def test_an_active_run_is_followed_instead(api: Served) -> None:
    await api.client.trigger("1")
    api.clock.advance(5)
    assert (await run(api)).code is ExitCode.DELIVERED
    assert len(api.store.runs) == 1


async def test_a_run_that_starts_between_look_and_trigger_is_followed(api: Served) -> None:
    await api.client.trigger("1")
    ending = await run(api)
    assert ending.code is ExitCode.DELIVERED
    assert len(api.store.runs) == 1


async def test_a_swallowed_trigger_is_sent_again_only_after_its_deadline(api: Served) -> None:
    plan(api, appears_after=None)
    ending = await run(api)
    assert ending.code is ExitCode.DELIVERED
    assert triggers(api) == 2
    assert api.clock.seconds() > 120


async def test_a_server_without_workers_is_told_as_that(api: Served) -> None:
    for _ in range(3):
        plan(api, appears_after=None)
    ending = await run(api)
    assert ending.code is ExitCode.FAILED
    assert "workers" in ending.message


async def test_a_lost_answer_to_the_trigger_makes_no_second_run(api: Served) -> None:
    api.fault(method="POST", path="/schedule_syncs", lose="after")
    assert (await run(api)).code is ExitCode.DELIVERED
    assert len(api.store.runs) == 1


async def test_a_server_that_restarts_is_waited_for(api: Served) -> None:
    plan(api, seconds=600)
    api.fault(method="GET", path="/syncs/1/sync_runs/1", times=5, status=503)
    api.fault(method="GET", path="/syncs/1/sync_runs$", times=2, status=429, retry_after="30")
    assert (await run(api)).code is ExitCode.DELIVERED
    assert 30.0 in api.clock.slept


async def test_a_server_that_stays_away_ends_the_runner(api: Served) -> None:
    api.fault(method="GET", path="/syncs/1/sync_runs", times=-1, status=503)
    with pytest.raises(GaveUpError, match="503"):
        await run(api)
    assert api.clock.seconds() <= 300


async def test_a_dead_token_is_waited_for_and_not_triggered_twice(api: Served) -> None:
    api.fault(method="POST", path="/schedule_syncs", times=20, status=401)
    assert (await run(api)).code is ExitCode.DELIVERED
    assert triggers(api) == 1
    assert api.clock.slept[:3] == [5.0, 5.0, 5.0]


async def test_a_token_that_stays_dead_ends_the_runner(api: Served) -> None:
    api.fault(times=-1, status=401)
    with pytest.raises(GaveUpError, match="waiting for a new token"):
        await run(api)
    assert 150 <= api.clock.seconds() <= 300


async def test_a_disabled_sync_is_refused(api: Served) -> None:
    await api.client.set_enabled("1", False)
    with pytest.raises(StateError, match="disabled"):
        await run(api)


async def test_the_own_timeout_cancels(api: Served) -> None:
    plan(api, stuck=True)
    ending = await run(api, timeout=timedelta(minutes=10))
    assert ending.code is ExitCode.CANCELED
    assert api.store.runs[1].status == "canceled"
    assert 600 <= api.clock.seconds() < 620


async def test_a_run_that_ended_just_before_it_was_canceled_counts(api: Served) -> None:
    plan(api, seconds=61)
    api.fault(method="DELETE", path="/schedule_syncs", status=424, body={"errors": [{"detail": "no active sync run"}]})
    ending = await run(api, timeout=timedelta(seconds=60))
    assert ending.code in {ExitCode.DELIVERED, ExitCode.CANCELED}


async def test_a_run_canceled_by_somebody_is_told(api: Served) -> None:
    plan(api, seconds=600)
    original = api.clock.sleep

    async def sleep_and_cancel(seconds: float) -> None:
        await original(seconds)
        if api.clock.seconds() > 60 and api.store.runs[1].moving:
            await api.client.cancel("1")

    follower = Follower(api.client, settings(api), Clock(api.clock.seconds, sleep_and_cancel))
    assert (await follower.run(None)).code is ExitCode.CANCELED


async def test_polling_backs_off_to_once_a_minute(api: Served) -> None:
    plan(api, seconds=4 * 3600)
    assert (await run(api)).code is ExitCode.DELIVERED
    assert max(api.clock.slept) == 60.0
    assert len(api.seen()) < 4 * 60 + 40


async def test_documented_the_servers_own_run_of_the_slot_is_followed(documented_api: Served) -> None:
    api = documented_api
    slot = START.replace(hour=13, minute=0)
    api.clock.advance(3605)
    ending = await run(api, slot)
    assert ending.code is ExitCode.DELIVERED
    assert triggers(api) == 0
    assert len(api.store.runs) == 1


async def test_documented_a_slot_of_which_nothing_is_known_is_triggered(documented_api: Served) -> None:
    ending = await run(documented_api, datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    assert ending.code is ExitCode.DELIVERED
    assert triggers(documented_api) == 1
    assert (await run(documented_api)).run is not None, "a requested run is always made"
    assert triggers(documented_api) == 2
