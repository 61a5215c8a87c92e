"""The create fence's memory, and its gate: whoever looks for a lost create has the place alone."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run, until_idle
from tests.support.pictures import NOW, URL

from sync_operator.handlers.creates import MAX_MARK_AGE, Creates
from sync_operator.model.scope import Scope
from sync_operator.model.workspace import Place, place_of
from sync_operator.remote.types import RemoteSync

HERE = place_of(URL, "1")
BODY = {"source_id": 1}
SEVEN = RemoteSync("7", BODY)
THERE = place_of(URL, "2")
TIMEOUT = timedelta(seconds=30)
LATER = NOW + timedelta(minutes=1)


def test_nothing_is_known_of_what_an_earlier_process_sent() -> None:
    creates = Creates(NOW)

    assert not creates.fresh("a")
    assert creates.sent("a") is None
    assert creates.looked_from("a") == NOW
    assert creates.settles_at("a", TIMEOUT) == NOW + TIMEOUT


def test_a_sync_that_appears_later_is_looked_for_in_a_list_from_after_that() -> None:
    creates = Creates(NOW)
    creates.noticed("a", LATER)
    creates.noticed("a", LATER + TIMEOUT)

    assert creates.looked_from("a") == LATER
    assert creates.looked_from("b") == NOW
    creates.lost("a", BODY, LATER + TIMEOUT, None)
    assert creates.looked_from("a") == LATER + TIMEOUT, "what we sent ourselves was sent then"
    creates.forget("a")
    assert creates.looked_from("a") == NOW


def test_who_took_a_lease_waits_until_its_former_holder_can_have_no_more_under_way() -> None:
    creates = Creates(NOW, others_end=timedelta(seconds=15))

    assert creates.settles_at("a", TIMEOUT) == NOW + timedelta(seconds=15) + TIMEOUT
    assert creates.looked_from("a") == NOW
    # What this process sends itself has nothing to do with others, and a fresh create waits for nothing.
    creates.lost("a", BODY, LATER, LATER + TIMEOUT)
    assert creates.settles_at("a", TIMEOUT) == LATER + TIMEOUT


def test_a_create_is_fresh_from_its_mark_until_it_is_sent() -> None:
    creates = Creates(NOW)
    creates.marked("a", NOW, fresh=True)
    assert creates.fresh("a")
    assert not creates.fresh("b")

    creates.lost("a", BODY, LATER, LATER + TIMEOUT)

    assert not creates.fresh("a")
    assert creates.sent("a") == BODY
    assert creates.looked_from("a") == LATER
    assert creates.settles_at("a", TIMEOUT) == LATER + TIMEOUT


def test_a_server_that_is_through_with_it_settles_it_at_once() -> None:
    creates = Creates(NOW)
    creates.lost("a", BODY, LATER, None)

    assert creates.sent("a") == BODY
    assert creates.settles_at("a", TIMEOUT) is None


def test_a_clear_refusal_makes_it_fresh_again() -> None:
    creates = Creates(NOW)
    creates.lost("a", BODY, LATER, LATER + TIMEOUT)

    creates.refused("a", fresh=True)

    assert creates.fresh("a")
    assert creates.sent("a") is None
    assert creates.looked_from("a") == NOW


def test_a_clear_refusal_says_nothing_of_an_earlier_create() -> None:
    creates = Creates(NOW)
    creates.lost("a", BODY, LATER, LATER + TIMEOUT)

    creates.refused("a", fresh=False)

    assert not creates.fresh("a")
    assert (creates.sent("a"), creates.settles_at("a", TIMEOUT)) == (BODY, None)


def test_a_mark_vouches_for_a_create_for_seconds_only() -> None:
    creates = Creates(NOW)
    assert not creates.verified("a", NOW)

    creates.marked("a", NOW, fresh=True)

    assert creates.verified("a", NOW + MAX_MARK_AGE)
    assert not creates.verified("a", NOW + MAX_MARK_AGE + timedelta(seconds=1))
    assert not creates.verified("a", NOW - timedelta(seconds=1)), "the clock was set back"


def test_what_others_sent_is_settled_in_minutes_from_the_first_mark_of_ours() -> None:
    creates = Creates(NOW, others_end=TIMEOUT, settle=timedelta(minutes=5))
    assert creates.settles_at("a", TIMEOUT) == NOW + TIMEOUT + timedelta(minutes=5)

    creates.marked("a", LATER, fresh=False)
    creates.marked("a", LATER + TIMEOUT, fresh=False)

    assert creates.settles_at("a", TIMEOUT) == LATER + timedelta(minutes=5)
    assert creates.settles_at("a", timedelta(minutes=9)) == LATER + timedelta(minutes=9)


def test_a_sync_to_be_made_anew_is_looked_for_in_the_list_that_lacks_the_old_one() -> None:
    creates = Creates(LATER)

    creates.deleted("a", NOW)

    assert creates.anew("a")
    assert creates.looked_from("a") == NOW
    creates.told("a")
    assert not creates.anew("a")


def test_what_was_made_belongs_to_its_maker_in_that_place() -> None:
    creates = Creates(NOW)
    creates.lost("a", BODY, LATER, LATER + TIMEOUT)

    creates.made("a", HERE, SEVEN)

    assert not creates.fresh("a")
    assert creates.sent("a") is None
    assert creates.known("a", HERE) == SEVEN
    assert creates.known("a", THERE) is None
    assert creates.claimed(HERE, but="b") == {"7"}
    assert creates.claimed(HERE, but="a") == frozenset()
    assert creates.claimed(THERE, but="b") == frozenset()


def test_what_the_status_tells_need_not_be_known_here() -> None:
    creates = Creates(NOW)
    creates.made("a", HERE, SEVEN)

    creates.told("a")

    assert creates.known("a", HERE) is None
    assert creates.claimed(HERE, but="b") == frozenset()


@pytest.mark.parametrize("before", ["announced", "lost", "made"])
def test_what_is_forgotten_is_as_if_it_had_never_been(before: str) -> None:
    creates = Creates(NOW)
    if before == "announced":
        creates.marked("a", NOW, fresh=True)
    elif before == "lost":
        creates.lost("a", BODY, LATER, None)
    else:
        creates.made("a", HERE, SEVEN)

    creates.forget("a")

    assert not creates.fresh("a")
    assert creates.sent("a") is None
    assert creates.known("a", HERE) is None
    assert creates.claimed(HERE, but="b") == frozenset()
    assert creates.settles_at("a", TIMEOUT) == NOW + TIMEOUT


class Site:
    """What goes on in one place."""

    def __init__(self, creates: Creates, place: Place, account: str = "a", stream_name: str = "orders") -> None:
        self._creates = creates
        self._scope = Scope(place, account)
        self._stream_name = stream_name
        self.creating = 0
        self.most_creating = 0
        self.settling = 0
        self.done: list[str] = []

    async def create(self, seconds: float, *, fails: bool = False) -> None:
        async with self._creates.gate(self._scope, self._stream_name).creating():
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
        async with self._creates.gate(self._scope, self._stream_name).settling():
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
    creates = Creates(NOW)
    place = Site(creates, HERE)

    async def one(kind: str, start: int, length: int, fails: bool) -> None:
        await asyncio.sleep(start)
        await (place.create(length, fails=fails) if kind == "create" else place.settle(length, fails=fails))

    async def story() -> list[BaseException | None]:
        tasks = [asyncio.create_task(one(*entry[:4])) for entry in work]
        await asyncio.sleep(2.5)
        for task, entry in zip(tasks, work, strict=True):
            if entry[4]:
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await place.create(0)
        await place.settle(0)
        return ended

    for ended, entry in zip(run(story()), work, strict=True):
        assert ended is None or entry[3] or entry[4]
        assert not isinstance(ended, AssertionError)


def test_ordinary_creates_go_side_by_side() -> None:
    creates = Creates(NOW)
    place = Site(creates, HERE)

    async def story() -> float:
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(place.create(10) for _ in range(5)))
        return asyncio.get_running_loop().time() - start

    assert run(story()) == pytest.approx(10)
    assert place.most_creating == 5


def test_a_search_waits_for_creates_and_new_creates_wait_for_it() -> None:
    creates = Creates(NOW)
    place = Site(creates, HERE)

    async def story() -> None:
        first = asyncio.create_task(place.create(10))
        await until_idle()
        search = asyncio.create_task(place.settle(10))
        await until_idle()
        second = asyncio.create_task(place.create(1))
        await asyncio.sleep(5)
        assert place.done == []
        await asyncio.gather(first, search, second)

    run(story())
    assert place.done == ["create", "settle", "create"]


HOSTED = place_of(URL, None)


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
    searching: tuple[Place, str, str], creating: tuple[Place, str, str], waits: bool
) -> None:
    creates = Creates(NOW)
    here, there = Site(creates, *searching), Site(creates, *creating)

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
    creates, scope = Creates(NOW), Scope(HERE, "a")
    async with creates.gate(scope, "orders").creating():
        held = creates.gate(scope, "orders")
        assert held is creates.gate(scope, "orders")
        assert creates.kept == 1
    del held

    assert creates.kept == 0
