"""The create fence's memory, and its gate: whoever looks for a lost create has the place alone."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run, until_idle
from tests.support.snapshots import NOW, URL

from sync_operator.api.kinds.workspace import RemoteWorkspace, remote_workspace_of
from sync_operator.api.scope import Scope
from sync_operator.controller.registration.create_fence import MAX_INTENT_AGE, CreateFence
from sync_operator.syncapi.types import RemoteSync

HERE = remote_workspace_of(URL, "1")
BODY = {"source_id": 1}
SEVEN = RemoteSync("7", BODY)
THERE = remote_workspace_of(URL, "2")
TIMEOUT = timedelta(seconds=30)
LATER = NOW + timedelta(minutes=1)


def test_nothing_is_known_of_what_an_earlier_process_sent() -> None:
    create_fence = CreateFence[RemoteSync](NOW)

    assert not create_fence.fresh("a")
    assert create_fence.sent_body("a") is None
    assert create_fence.list_not_before("a") == NOW
    assert create_fence.indeterminate_until("a", TIMEOUT) == NOW + TIMEOUT


def test_a_sync_that_appears_later_is_looked_for_in_a_list_from_after_that() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.observed_unresolved("a", LATER)
    create_fence.observed_unresolved("a", LATER + TIMEOUT)

    assert create_fence.list_not_before("a") == LATER
    assert create_fence.list_not_before("b") == NOW
    create_fence.indeterminate("a", BODY, LATER + TIMEOUT, None)
    assert create_fence.list_not_before("a") == LATER + TIMEOUT, "what we sent ourselves was sent then"
    create_fence.forget("a")
    assert create_fence.list_not_before("a") == NOW


def test_what_was_seen_in_the_first_lists_stays_when_this_process_begins_to_act() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.observed_unresolved("a", LATER)

    create_fence.set_leadership(LATER + TIMEOUT, timedelta(seconds=15))
    create_fence.observed_unresolved("a", LATER + 2 * TIMEOUT)

    assert create_fence.list_not_before("a") == LATER
    assert create_fence.list_not_before("b") == LATER + TIMEOUT
    assert create_fence.indeterminate_until("b", TIMEOUT) == LATER + 2 * TIMEOUT + timedelta(seconds=15)


def test_who_took_a_lease_waits_until_its_former_holder_can_have_no_more_under_way() -> None:
    create_fence = CreateFence[RemoteSync](NOW, previous_leader_end=timedelta(seconds=15))

    assert create_fence.indeterminate_until("a", TIMEOUT) == NOW + timedelta(seconds=15) + TIMEOUT
    assert create_fence.list_not_before("a") == NOW
    # What this process sends itself has nothing to do with others, and a fresh create waits for nothing.
    create_fence.indeterminate("a", BODY, LATER, LATER + TIMEOUT)
    assert create_fence.indeterminate_until("a", TIMEOUT) == LATER + TIMEOUT


def test_a_create_is_fresh_from_its_mark_until_it_is_sent() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.intent_recorded("a", NOW, fresh=True)
    assert create_fence.fresh("a")
    assert not create_fence.fresh("b")

    create_fence.indeterminate("a", BODY, LATER, LATER + TIMEOUT)

    assert not create_fence.fresh("a")
    assert create_fence.sent_body("a") == BODY
    assert create_fence.list_not_before("a") == LATER
    assert create_fence.indeterminate_until("a", TIMEOUT) == LATER + TIMEOUT


def test_a_server_that_is_through_with_it_settles_it_at_once() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.indeterminate("a", BODY, LATER, None)

    assert create_fence.sent_body("a") == BODY
    assert create_fence.indeterminate_until("a", TIMEOUT) is None


def test_a_clear_refusal_makes_it_fresh_again() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.indeterminate("a", BODY, LATER, LATER + TIMEOUT)

    create_fence.rejected("a", fresh=True)

    assert create_fence.fresh("a")
    assert create_fence.sent_body("a") is None
    assert create_fence.list_not_before("a") == NOW


def test_a_clear_refusal_says_nothing_of_an_earlier_create() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.indeterminate("a", BODY, LATER, LATER + TIMEOUT)

    create_fence.rejected("a", fresh=False)

    assert not create_fence.fresh("a")
    assert (create_fence.sent_body("a"), create_fence.indeterminate_until("a", TIMEOUT)) == (BODY, None)


def test_a_mark_vouches_for_a_create_for_seconds_only() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    assert not create_fence.verified("a", NOW)

    create_fence.intent_recorded("a", NOW, fresh=True)

    assert create_fence.verified("a", NOW + MAX_INTENT_AGE)
    assert not create_fence.verified("a", NOW + MAX_INTENT_AGE + timedelta(seconds=1))
    assert not create_fence.verified("a", NOW - timedelta(seconds=1)), "the clock was set back"


def test_what_others_sent_is_settled_in_minutes_from_the_first_mark_of_ours() -> None:
    create_fence = CreateFence[RemoteSync](NOW, previous_leader_end=TIMEOUT, settle=timedelta(minutes=5))
    assert create_fence.indeterminate_until("a", TIMEOUT) == NOW + TIMEOUT + timedelta(minutes=5)

    create_fence.intent_recorded("a", LATER, fresh=False)
    create_fence.intent_recorded("a", LATER + TIMEOUT, fresh=False)

    assert create_fence.indeterminate_until("a", TIMEOUT) == LATER + timedelta(minutes=5)
    assert create_fence.indeterminate_until("a", timedelta(minutes=9)) == LATER + timedelta(minutes=9)


def test_a_sync_to_be_made_anew_is_looked_for_in_the_list_that_lacks_the_old_one() -> None:
    create_fence = CreateFence[RemoteSync](LATER)

    create_fence.deleted_by_others("a", NOW)

    assert create_fence.recreating("a")
    assert create_fence.list_not_before("a") == NOW
    create_fence.persisted("a")
    assert not create_fence.recreating("a")


def test_what_was_made_belongs_to_its_maker_in_that_place() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.indeterminate("a", BODY, LATER, LATER + TIMEOUT)

    create_fence.succeeded("a", HERE, SEVEN)

    assert not create_fence.fresh("a")
    assert create_fence.sent_body("a") is None
    assert create_fence.unpersisted("a", HERE) == SEVEN
    assert create_fence.unpersisted("a", THERE) is None
    assert create_fence.claimed(HERE, exclude="b") == {"7"}
    assert create_fence.claimed(HERE, exclude="a") == frozenset()
    assert create_fence.claimed(THERE, exclude="b") == frozenset()


def test_what_a_deletion_has_found_is_nobody_elses_until_it_is_over() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.indeterminate("a", BODY, LATER, None)
    assert not create_fence.is_resolved("a")

    create_fence.reserve("a", HERE, "7")

    assert create_fence.is_resolved("a")
    assert create_fence.claimed(HERE, exclude="b") == {"7"}
    assert create_fence.claimed(HERE, exclude="a") == create_fence.claimed(THERE, exclude="b") == frozenset()
    assert create_fence.unpersisted("a", HERE) is None, "it is looked for anew before each attempt"
    create_fence.forget("a")
    assert create_fence.claimed(HERE, exclude="b") == frozenset()


def test_what_the_status_tells_need_not_be_known_here() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    create_fence.succeeded("a", HERE, SEVEN)

    create_fence.persisted("a")

    assert create_fence.unpersisted("a", HERE) is None
    assert create_fence.claimed(HERE, exclude="b") == frozenset()


@pytest.mark.parametrize("before", ["announced", "lost", "made"])
def test_what_is_forgotten_is_as_if_it_had_never_been(before: str) -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    if before == "announced":
        create_fence.intent_recorded("a", NOW, fresh=True)
    elif before == "lost":
        create_fence.indeterminate("a", BODY, LATER, None)
    else:
        create_fence.succeeded("a", HERE, SEVEN)

    create_fence.forget("a")

    assert not create_fence.fresh("a")
    assert create_fence.sent_body("a") is None
    assert create_fence.unpersisted("a", HERE) is None
    assert create_fence.claimed(HERE, exclude="b") == frozenset()
    assert create_fence.indeterminate_until("a", TIMEOUT) == NOW + TIMEOUT


class Site:
    """What goes on in one place."""

    def __init__(
        self,
        create_fence: CreateFence[RemoteSync],
        remote_workspace: RemoteWorkspace,
        account: str = "a",
        stream_name: str = "orders",
    ) -> None:
        self._create_fence = create_fence
        self._scope = Scope(remote_workspace, account)
        self._stream_name = stream_name
        self.creating = 0
        self.most_creating = 0
        self.settling = 0
        self.done: list[str] = []

    async def create(self, seconds: float, *, fails: bool = False) -> None:
        async with self._create_fence.lock(self._scope, self._stream_name).shared():
            assert not self.settling, "no create overlaps a search"
            self.creating += 1
            self.most_creating = max(self.most_creating, self.creating)
            try:
                await asyncio.sleep(seconds)
            finally:
                self.creating -= 1
            if fails:
                raise ConnectionError
        self.done.append("create")

    async def settle(self, seconds: float, *, fails: bool = False) -> None:
        async with self._create_fence.lock(self._scope, self._stream_name).exclusive():
            assert not self.creating, "no search overlaps a create"
            assert not self.settling, "nor another search"
            self.settling += 1
            try:
                await asyncio.sleep(seconds)
            finally:
                self.settling -= 1
            if fails:
                raise ConnectionError
        self.done.append("settle")


WORK = st.lists(
    st.tuples(
        st.sampled_from(["create", "settle"]), st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans()
    ),
    max_size=12,
)


@given(WORK)
def test_creates_and_searches_never_overlap_and_none_is_forgotten(work: list[tuple[str, int, int, bool, bool]]) -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    remote_workspace = Site(create_fence, HERE)

    async def one(kind: str, start: int, length: int, fails: bool) -> None:
        await asyncio.sleep(start)
        await (
            remote_workspace.create(length, fails=fails)
            if kind == "create"
            else remote_workspace.settle(length, fails=fails)
        )

    async def story() -> list[BaseException | None]:
        tasks = [asyncio.create_task(one(*entry[:4])) for entry in work]
        await asyncio.sleep(2.5)
        for task, entry in zip(tasks, work, strict=True):
            if entry[4]:
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await remote_workspace.create(0)
        await remote_workspace.settle(0)
        return ended

    for ended, entry in zip(run(story()), work, strict=True):
        assert ended is None or entry[3] or entry[4]
        assert not isinstance(ended, AssertionError)


def test_ordinary_creates_go_side_by_side() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    remote_workspace = Site(create_fence, HERE)

    async def story() -> float:
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(remote_workspace.create(10) for _ in range(5)))
        return asyncio.get_running_loop().time() - start

    assert run(story()) == pytest.approx(10)
    assert remote_workspace.most_creating == 5


def test_a_search_waits_for_creates_and_new_creates_wait_for_it() -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    remote_workspace = Site(create_fence, HERE)

    async def story() -> None:
        first = asyncio.create_task(remote_workspace.create(10))
        await until_idle()
        search = asyncio.create_task(remote_workspace.settle(10))
        await until_idle()
        second = asyncio.create_task(remote_workspace.create(1))
        await asyncio.sleep(5)
        assert remote_workspace.done == []
        await asyncio.gather(first, search, second)

    run(story())
    assert remote_workspace.done == ["create", "settle", "create"]


HOSTED = remote_workspace_of(URL, None)


@pytest.mark.parametrize(
    ("searching", "creating", "waits"),
    [
        pytest.param((HERE, "a", "orders"), (THERE, "a", "orders"), False, id="another place"),
        pytest.param((HERE, "a", "orders"), (HERE, "a", "users"), False, id="another stream"),
        pytest.param((HERE, "a", "orders"), (HERE, "b", "orders"), True, id="an account that sees the same syncs"),
        pytest.param((HOSTED, "a", "orders"), (HOSTED, "b", "orders"), False, id="an account of the same service"),
    ],
)
def test_only_creates_that_a_search_could_take_wait_for_it(
    searching: tuple[RemoteWorkspace, str, str], creating: tuple[RemoteWorkspace, str, str], waits: bool
) -> None:
    create_fence = CreateFence[RemoteSync](NOW)
    here, there = Site(create_fence, *searching), Site(create_fence, *creating)

    async def story() -> float:
        search = asyncio.create_task(here.settle(10))
        await until_idle()
        start = asyncio.get_running_loop().time()
        await there.create(1)
        taken = asyncio.get_running_loop().time() - start
        await search
        return taken

    assert run(story()) == pytest.approx(11 if waits else 1)


async def test_gates_are_given_back_with_their_last_user() -> None:
    create_fence, scope = CreateFence[RemoteSync](NOW), Scope(HERE, "a")
    async with create_fence.lock(scope, "orders").shared():
        held = create_fence.lock(scope, "orders")
        assert held is create_fence.lock(scope, "orders")
        assert create_fence.entry_count == 1
    del held

    assert create_fence.entry_count == 0
