"""How a Job gets its run (contract section 7), in one loop with a clock that the test moves."""

from datetime import datetime, timedelta

import pytest
from aiohttp import web
from tests.support.pods import job_of, plan, run_pod, triggers
from tests.support.served import BODY, START, Served

from sync_operator.errors import FailedPreconditionError, IdentityError
from sync_operator.runner.outcome import ExitCode
from sync_operator.sandbox.state import Ending, Outcome
from sync_operator.sandbox.workflow_progress import start_workflow

SLOT = job_of(START)


@pytest.fixture
async def api(api: Served) -> Served:
    """With one registered sync."""
    await api.client.syncs.create(BODY)
    return api


@pytest.fixture
async def documented_api(documented_api: Served) -> Served:
    """With one sync that the server itself runs, crudely: 600 minutes become every full hour."""
    automated = {"schedule_type": "automated", "sync_interval": 600, "sync_interval_unit": "minutes"}
    await documented_api.client.syncs.create(BODY | automated)
    return documented_api


async def test_an_active_run_answers_what_is_due_by_schedule(api: Served) -> None:
    await api.client.trigger("1")
    api.clock.advance(5)
    assert (await run_pod(api, SLOT)).code is ExitCode.DELIVERED
    assert len(api.store.runs) == 1


@pytest.mark.parametrize("by_hand", [True, False])
async def test_a_requested_run_begins_after_the_request(api: Served, *, by_hand: bool) -> None:
    plan(api, seconds=300)
    await api.client.trigger("1")
    api.clock.advance(5)
    since = api.clock()

    ending = await (run_pod(api) if by_hand else run_pod(api, since=since))

    assert (ending.code, ending.run.id if ending.run else None) == (ExitCode.DELIVERED, 2)
    assert api.store.runs[2].created_at > since + timedelta(seconds=290), "it has waited"
    assert triggers(api) == 2


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.9])
async def test_a_run_made_right_before_a_request_is_not_taken_for_its_answer(api: Served, seconds: float) -> None:
    """A `Date` header shows whole seconds: by it, the request may seem to be older than the run."""
    plan(api, seconds=0)
    await api.client.trigger("1")
    while not api.store.runs:
        api.clock.advance(0.3)
        await api.client.list_runs_with_server_time("1")
    api.clock.advance(seconds)

    ending = await run_pod(api, since=api.clock())

    assert (ending.run.id if ending.run else None, len(api.store.runs)) == (2, 2)


async def test_a_run_made_since_a_request_answers_it_also_when_another_was_waited_for(api: Served) -> None:
    plan(api, seconds=300)
    await api.client.trigger("1")
    api.clock.advance(5)
    since = api.clock()

    async def sleep(seconds: float) -> None:
        await api.clock.sleep(seconds)
        if api.clock.seconds() > 302 and len(api.store.runs) == 1 and triggers(api) == 1:
            await api.client.trigger("1")

    ending = await run_pod(api, since=since, sleep=sleep)

    assert (ending.run.id if ending.run else None, len(api.store.runs), triggers(api)) == (2, 2, 2)
    again = await run_pod(api, since=since)
    assert (again.run.id if again.run else None, len(api.store.runs)) == (2, 2), "a replacement pod finds it"


@pytest.mark.parametrize(("since_known", "code"), [(True, ExitCode.DELIVERED), (False, ExitCode.CANCELED)])
async def test_the_own_timeout_begins_after_the_wait_where_the_deadline_has_room_for_it(
    api: Served, *, since_known: bool, code: ExitCode
) -> None:
    plan(api, seconds=400)
    plan(api, seconds=400)
    await api.client.trigger("1")
    api.clock.advance(5)

    ending = await run_pod(api, timeout=timedelta(minutes=10), since=api.clock() if since_known else None)

    assert ending.code is code


async def test_a_run_that_outlasts_the_timeout_of_a_request_is_left_alone(api: Served) -> None:
    plan(api, stuck=True)
    await api.client.trigger("1")
    api.clock.advance(5)

    ending = await run_pod(api, since=api.clock(), timeout=timedelta(minutes=10))

    assert ending.code is ExitCode.FAILED
    assert "run 1 was under way before this run was asked for" in ending.message
    assert "ask again when it has ended" in ending.message
    assert (triggers(api), [run.status for run in api.store.runs.values()]) == (1, ["in_progress"])


@pytest.mark.parametrize("running", [False, True])
async def test_another_sync_at_the_id_is_neither_run_nor_followed(api: Served, running: bool) -> None:
    if running:
        await api.client.trigger("1")
        api.clock.advance(5)
    before = triggers(api)

    with pytest.raises(IdentityError, match="it is another sync, and nothing was run"):
        await run_pod(api, SLOT, registered_at=START - timedelta(seconds=1))

    assert triggers(api) == before


async def test_the_sync_that_was_registered_is_looked_at_once(api: Served) -> None:
    made = api.store.syncs[1].created_at
    ending = await run_pod(api, SLOT, registered_at=made.replace(microsecond=0))

    assert ending.code is ExitCode.DELIVERED
    assert [call for call in api.seen() if call[:2] == ("GET", "/syncs/1")] == [("GET", "/syncs/1", 200)]


async def test_a_run_that_starts_between_look_and_trigger_is_followed(api: Served) -> None:
    async def start(when: str, request: web.Request) -> bool:
        if when == "before" and request.method == "POST" and not api.store.runs:
            start_workflow(api.store, api.store.syncs[1], api.clock(), Outcome(appears_after=0, seconds=60))
        return False

    api.on_request = start
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert len(api.store.runs) == 1


async def test_an_earlier_trigger_without_a_row_is_not_doubled(api: Served) -> None:
    plan(api, appears_after=50)
    await api.client.trigger("1")
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert len(api.store.runs) == 1


async def test_a_run_that_appears_late_is_waited_for(api: Served) -> None:
    plan(api, appears_after=110)
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert (triggers(api), len(api.store.runs)) == (1, 1)


async def test_a_swallowed_trigger_is_sent_again_only_after_its_deadline(api: Served) -> None:
    plan(api, appears_after=None)
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    sent = [entry for entry in api.seen() if entry[1] == "/schedule_syncs"]
    assert len(sent) == 2
    assert 120 < api.clock.seconds() < 200


async def test_a_server_without_workers_is_told_as_that(api: Served) -> None:
    for _ in range(3):
        plan(api, appears_after=None)
    ending = await run_pod(api)
    assert ending.code is ExitCode.FAILED
    assert "look whether its workers are up" in ending.message
    assert triggers(api) == 3


@pytest.mark.parametrize("fault", [{"lose": "after"}, {"garbage": "<html>"}, {"status": 502}, {"lose": "before"}])
async def test_a_lost_answer_to_the_trigger_makes_no_second_run(api: Served, fault: dict[str, object]) -> None:
    api.fault(method="POST", path="/schedule_syncs", **fault)
    assert (await run_pod(api)).code is ExitCode.DELIVERED
    assert len(api.store.runs) == 1


async def test_the_list_is_looked_at_again_before_a_trigger_is_sent_once_more(api: Served) -> None:
    api.fault(method="POST", path="/schedule_syncs", status=429, retry_after="100")

    async def sleep(seconds: float) -> None:
        if seconds == 100:
            await api.client.trigger("1")
        await api.clock.sleep(seconds)

    ending = await run_pod(api, sleep=sleep)
    assert (ending.code, len(api.store.runs)) == (ExitCode.DELIVERED, 1)


@pytest.mark.parametrize("job", ["by-hand", SLOT])
async def test_a_paused_run_of_an_earlier_time_does_not_stop_a_new_one(api: Served, job: str) -> None:
    await api.client.trigger("1")
    api.clock.advance(5)
    await api.client.list_runs("1")
    api.store.runs[1].status, api.store.runs[1].moving, api.store.syncs[1].workflow = "paused", False, None
    api.clock.advance(120)
    assert (await run_pod(api, job_of(api.clock()) if job == SLOT else job)).run is not None
    assert [run.status for run in api.store.runs.values()] == ["paused", "success"]


async def test_an_interval_sync_is_refused(api: Served) -> None:
    await api.client.syncs.update("1", {"schedule_type": "interval", "sync_interval": 5, "sync_interval_unit": "days"})
    with pytest.raises(FailedPreconditionError, match="should be manual"):
        await run_pod(api)


async def test_a_sync_whose_server_schedule_was_not_stopped_takes_triggers_for_nothing(api: Served) -> None:
    interval = {"schedule_type": "interval", "sync_interval": 5, "sync_interval_unit": "minutes"}
    await api.client.syncs.update("1", interval)
    await api.client.syncs.update("1", BODY)
    ending = await run_pod(api)
    assert (ending.code, len(api.store.runs)) == (ExitCode.DELIVERED, 1)
    assert api.store.runs[1].created_at == START + timedelta(seconds=301), "the server's own run came in between"


@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_failed_runs_are_repeated_as_often_as_retries_say(api: Served, retries: int) -> None:
    codes = []
    for _ in range(retries + 2):
        plan(api, ending=Ending.FAILED, seconds=10)
        codes.append((await run_pod(api, SLOT, retries=retries)).code)
        api.clock.advance(10)
    assert codes == [ExitCode.FAILED] * (retries + 2)
    assert len(api.store.runs) == retries + 1


async def test_a_canceled_run_is_not_repeated(api: Served) -> None:
    await api.client.trigger("1")
    api.clock.advance(5)
    await api.client.cancel("1")
    assert (await run_pod(api, SLOT, retries=3)).code is ExitCode.CANCELED
    assert len(api.store.runs) == 1


@pytest.mark.parametrize("ahead", [timedelta(minutes=-7), timedelta(minutes=7)])
async def test_the_servers_clock_may_differ_by_minutes(api: Served, ahead: timedelta) -> None:
    def wall() -> datetime:
        return api.clock() - ahead

    codes = [(await run_pod(api, job_of(wall()), wall=wall)).code]
    api.clock.advance(180)
    slot = job_of(wall())
    codes += [(await run_pod(api, slot, wall=wall)).code for _ in range(2)]
    assert codes == [ExitCode.DELIVERED] * 3
    assert len(api.store.runs) == 2, "one for each time, and none for the replacement"


@pytest.mark.parametrize("ahead", [timedelta(minutes=-6), timedelta(minutes=6)])
async def test_the_nodes_clock_may_be_wrong_by_minutes(api: Served, ahead: timedelta) -> None:
    """With a run each five minutes, none of them is taken for the run of the time before."""

    def wall() -> datetime:
        return api.clock() + ahead

    for number in range(1, 4):
        slot = api.clock()
        assert (await run_pod(api, job_of(slot), wall=wall)).code is ExitCode.DELIVERED
        assert len(api.store.runs) == number
        api.clock.advance(300 - (api.clock() - slot).total_seconds())


async def test_a_requested_run_is_told_apart_by_the_time_of_its_request(api: Served) -> None:
    await run_pod(api)
    api.clock.advance(60)
    since = api.clock()
    api.clock.advance(2)
    for _ in range(2):
        ending = await run_pod(api, since=since)
        assert ending.run is not None
        assert ending.run.id == 2


async def test_documented_the_servers_own_run_of_the_slot_is_followed(documented_api: Served) -> None:
    api = documented_api
    slot = START.replace(hour=13)
    api.clock.advance(3600)
    assert (await run_pod(api, job_of(slot))).code is ExitCode.DELIVERED
    assert triggers(api) == 0, "it showed up a second later"
    assert (await run_pod(api, job_of(slot))).code is ExitCode.DELIVERED
    assert (triggers(api), len(api.store.runs)) == (0, 1), "and a replacement pod finds it ended"


async def test_documented_a_slot_of_which_nothing_is_known_is_triggered(documented_api: Served) -> None:
    ending = await run_pod(documented_api, SLOT)
    assert ending.code is ExitCode.DELIVERED
    assert triggers(documented_api) == 1
    assert (await run_pod(documented_api)).run is not None, "a requested run is always made"
    assert triggers(documented_api) == 2


async def test_documented_no_slot_of_a_day_runs_twice(documented_api: Served) -> None:
    api = documented_api
    for hour in range(1, 25):
        slot = START + timedelta(hours=hour)
        api.clock.advance((slot - api.clock()).total_seconds() + 3)
        await run_pod(api, job_of(slot))
    assert len(api.store.runs) == 24
    assert triggers(api) == 0


async def test_documented_a_late_pod_first_waits_for_what_the_one_before_it_may_have_asked_for(
    documented_api: Served,
) -> None:
    api = documented_api
    api.clock.advance(600)
    assert (await run_pod(api, SLOT)).code is ExitCode.DELIVERED
    assert sum(api.clock.slept[: api.clock.slept.index(1.0, 1)]) == pytest.approx(120, abs=1)
