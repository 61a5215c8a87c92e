"""Lists of a workspace: asked for once for all, never older than wanted, and silent about what we wrote since."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast
from weakref import WeakSet

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run
from tests.support.snapshots import NOW, URL

from sync_operator.api.kinds.workspace import remote_workspace_of
from sync_operator.api.scope import Scope
from sync_operator.controller.drift.list_memory import ListMemory
from sync_operator.controller.drift.remote_lists import MAX_CONFIRMED, CachedList, RemoteListCache
from sync_operator.controller.sync.registered_sync import REGISTERED_SYNC
from sync_operator.errors import NotFoundError, ServerFaultError, TransientError
from sync_operator.syncapi.types import RemoteList, RemoteSync

HERE = Scope(remote_workspace_of(URL, "1"), "a")
THERE = Scope(remote_workspace_of(URL, "2"), "a")
ANOTHER = Scope(remote_workspace_of(URL, "1"), "b")
"""Another account in the same place."""


class Rows:
    """What a list has in hand while it is read."""


class Server:
    """A server that takes its time, and a clock that its listings share."""

    def __init__(self, *ids: str) -> None:
        self.now = NOW
        self.ids = list(ids)
        self.asked: list[datetime] = []
        self.takes = 0.0
        self.fails = False
        self.seconds = 0.0
        self.known: list[str] = []
        self.broken: set[str] = set()
        self.hidden: set[str] = set()
        self.single: list[str] = []
        self.namespace = "team"
        self.read: WeakSet[Rows] = WeakSet()
        """What was read and is still in memory."""
        self.size = 0
        """Bytes that a list takes."""
        self.memory = ListMemory(5_000_000, 3_000_000)
        self.lists = RemoteListCache(
            REGISTERED_SYNC, lambda: self.now, lambda _: self.known, lambda: self.seconds, self.memory
        )

    @property
    def syncs(self) -> "Server":
        return self

    async def list(self, grow: Callable[[int], None]) -> RemoteList[RemoteSync]:
        self.asked.append(self.now)
        grow(self.size)
        listed = tuple(RemoteSync(sync_id, {}) for sync_id in self.ids if sync_id not in self.hidden)
        await asyncio.sleep(self.takes)
        self.now += timedelta(seconds=self.takes)
        self.seconds += self.takes
        rows = Rows()
        self.read.add(rows)
        if self.fails:
            raise TransientError("no answer")
        return RemoteList(listed, self.now)

    async def get(self, sync_id: str) -> RemoteSync:
        self.single.append(sync_id)
        if sync_id in self.broken:
            raise ServerFaultError("400")
        if sync_id not in self.ids:
            raise NotFoundError("404")
        return RemoteSync(sync_id, {})

    async def fetch(self, since: datetime, scope: Scope = HERE) -> CachedList[RemoteSync]:
        return await self.lists.fetch(scope, cast("Any", self), since=since)


def test_many_who_ask_at_once_share_one_list() -> None:
    server = Server("1", "2")
    server.takes = 10

    async def story() -> list[CachedList[RemoteSync]]:
        return await asyncio.gather(*(server.fetch(NOW) for _ in range(20)))

    first, *others = run(story())
    assert server.asked == [NOW]
    assert all(other is first for other in others)
    assert (first.at, set(first.ids)) == (NOW, {"1", "2"})


def test_scopes_do_not_wait_for_each_other() -> None:
    server = Server("1")
    server.takes = 10

    async def story() -> float:
        start = asyncio.get_running_loop().time()
        await asyncio.gather(server.fetch(NOW), server.fetch(NOW, THERE), server.fetch(NOW, ANOTHER))
        return asyncio.get_running_loop().time() - start

    assert run(story()) == pytest.approx(10)
    assert len(server.asked) == 3


def test_a_list_serves_until_a_younger_one_is_wanted() -> None:
    server = Server("1")

    async def story() -> None:
        first = await server.fetch(NOW)
        server.now += timedelta(minutes=1)
        assert await server.fetch(NOW) is first
        assert await server.fetch(NOW - timedelta(hours=1)) is first
        second = await server.fetch(NOW + timedelta(seconds=1))
        assert second is not first
        assert second.at == NOW + timedelta(minutes=1)

    run(story())
    assert len(server.asked) == 2


def test_a_list_that_fails_is_asked_for_again_by_the_next() -> None:
    server = Server("1")
    server.fails = True

    async def story() -> None:
        with pytest.raises(TransientError):
            await server.fetch(NOW)
        assert server.lists.last_seen(HERE, "1") == (None, False)
        server.fails = False
        await server.fetch(NOW)

    run(story())
    assert server.lists.last_seen(HERE, "1")[0] is not None


def test_nothing_is_known_before_the_first_list() -> None:
    assert Server("1").lists.last_seen(HERE, "1") == (None, False)


def test_a_list_shows_a_sync_or_its_lack() -> None:
    server = Server("1")
    run(server.fetch(NOW))

    assert server.lists.last_seen(HERE, "1") == (RemoteSync("1", {}), False)
    assert server.lists.last_seen(HERE, "2") == (None, True)
    assert server.lists.last_seen(THERE, "1") == server.lists.last_seen(ANOTHER, "1") == (None, False)

    server.lists.forget(HERE)
    assert server.lists.last_seen(HERE, "2") == (None, False)


def test_what_was_written_while_the_list_was_made_is_not_known() -> None:
    server = Server("1")
    server.takes = 10

    async def story() -> None:
        asking = asyncio.create_task(server.fetch(NOW))
        await asyncio.sleep(5)
        server.now += timedelta(seconds=5)
        server.lists.invalidate(HERE.remote_workspace, "2")
        await asking

    run(story())
    assert server.lists.last_seen(HERE, "2") == (None, False), "it may have been made after the server looked"
    assert server.lists.last_seen(HERE, "1")[0] is not None


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["list", "write", "wait", "appear", "vanish"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from([HERE, THERE, ANOTHER]),
    ),
    max_size=20,
)


@given(DEEDS)
def test_what_is_told_is_what_the_newest_list_after_our_last_write_said(deeds: list[tuple[str, str, Scope]]) -> None:
    server = Server("1")
    scopes = (HERE, THERE, ANOTHER)
    told: dict[tuple[Scope, str], tuple[bool, bool]] = {}

    async def story() -> None:
        for deed, sync_id, scope in deeds:
            if deed == "list":
                await server.fetch(server.now, scope)
                told.update({(scope, known): (known in server.ids, known not in server.ids) for known in ("1", "2")})
            elif deed == "write":
                server.lists.invalidate(scope.remote_workspace, sync_id)
                told.update(
                    {
                        (other, sync_id): (False, False)
                        for other in scopes
                        if other.remote_workspace == scope.remote_workspace
                    }
                )
            elif deed == "appear" and sync_id not in server.ids:
                server.ids.append(sync_id)
            elif deed == "vanish" and sync_id in server.ids:
                server.ids.remove(sync_id)
            server.now += timedelta(seconds=1)

    run(story())
    for scope in scopes:
        for sync_id in ("1", "2"):
            found, absent = server.lists.last_seen(scope, sync_id)
            assert (found is not None, absent) == told.get((scope, sync_id), (False, False))


def test_what_is_written_is_remembered_until_every_account_has_listed_anew() -> None:
    server = Server("1")

    async def story() -> None:
        await server.fetch(NOW)
        await server.fetch(NOW, ANOTHER)
        server.now += timedelta(seconds=1)
        server.lists.invalidate(HERE.remote_workspace, "1")
        server.now += timedelta(seconds=1)
        await server.fetch(server.now)

    run(story())
    assert server.lists.written_since(HERE) == frozenset()
    assert server.lists.written_since(ANOTHER) == {"1"}, "the other account's list is older"
    assert server.lists.last_seen(ANOTHER, "1") == (None, False)
    server.lists.forget(ANOTHER)
    assert server.lists.last_seen(HERE, "1")[0] is not None


def test_what_a_list_lacks_is_asked_for_before_it_counts_as_absent() -> None:
    server = Server("1", "2", "3")
    server.known, server.hidden, server.broken = ["1", "2", "3", "4"], {"2", "3"}, {"3"}
    listed = run(server.fetch(NOW))
    assert server.single == ["2", "3", "4"]
    assert server.lists.last_seen(HERE, "2") == (RemoteSync("2", {}), False), "it had moved"
    assert server.lists.last_seen(HERE, "3") == (None, False), "nobody can say"
    assert server.lists.last_seen(HERE, "4") == (None, True)
    assert listed.unconfirmed == {"3"}


def test_what_we_write_meanwhile_is_not_missed() -> None:
    server = Server("1")
    server.known, server.takes = ["1", "2"], 10

    async def story() -> None:
        asking = asyncio.create_task(server.fetch(NOW))
        await asyncio.sleep(5)
        server.now += timedelta(seconds=5)
        server.lists.invalidate(HERE.remote_workspace, "2")
        await asking

    run(story())
    assert server.single == []


def test_of_many_that_are_missing_some_are_asked_for() -> None:
    server = Server()
    server.known = [str(number) for number in range(1000)]
    run(server.fetch(NOW))
    assert len(server.single) == MAX_CONFIRMED
    assert len(server.lists.missing(HERE)) == 1000

    server.ids, server.hidden = server.known, set(server.known)
    with pytest.raises(TransientError, match="lacks 1000 syncs, some of which are there"):
        run(server.fetch(NOW + timedelta(seconds=1)))


def test_since_when_lists_lack_a_sync_is_known() -> None:
    server = Server("1")
    server.known = ["1", "2", "3"]

    def list_at(seconds: float) -> dict[str, float]:
        server.now = NOW + timedelta(seconds=seconds)
        run(server.fetch(server.now))
        return {sync_id: (at - NOW).total_seconds() for sync_id, at in server.lists.missing(HERE).items()}

    assert list_at(0) == {"2": 0, "3": 0}
    server.ids = ["1", "2"]
    assert list_at(300) == {"3": 0}
    server.ids = ["1"]
    assert list_at(600) == {"2": 600, "3": 0}
    assert server.lists.missing(THERE) == {}
    server.lists.forget(HERE)
    assert server.lists.missing(HERE) == {}


def test_while_the_server_may_work_on_a_list_no_other_is_asked_for() -> None:
    server = Server("1")
    server.takes, server.fails = 120, True
    with pytest.raises(TransientError, match="no answer"):
        run(server.fetch(NOW))
    pauses = []
    for _ in range(6):
        asked, begun = len(server.asked), server.seconds
        while len(server.asked) == asked:
            server.seconds += 30
            with pytest.raises(TransientError, match="no answer"):
                run(server.fetch(server.now))
        pauses.append(server.seconds - begun - server.takes)
    assert pauses == [240, 480, 960, 1920, 3600, 3600]

    server.fails = False
    server.seconds += 3600
    run(server.fetch(server.now))
    server.now += timedelta(seconds=1)
    run(server.fetch(server.now))


def test_where_there_is_no_list_single_reads_tell() -> None:
    server = Server("1")
    client = cast("Any", server)

    async def story() -> None:
        for sync_id in ("1", "2", "1"):
            await server.lists.read_one(HERE, client, sync_id, since=NOW)

    run(story())
    assert server.single == ["1", "2"], "what was read is shared"
    assert server.lists.last_seen(HERE, "1") == (RemoteSync("1", {}), False)
    assert server.lists.last_seen(HERE, "2") == (None, True)
    assert server.lists.last_seen(THERE, "1") == (None, False)
    server.lists.invalidate(HERE.remote_workspace, "1")
    assert server.lists.last_seen(HERE, "1") == (None, False)

    server.now += timedelta(seconds=1)
    server.ids = ["2"]
    run(server.fetch(server.now))
    assert server.lists.last_seen(HERE, "1") == (None, True)
    assert server.lists.last_seen(HERE, "2") == (RemoteSync("2", {}), False)


def test_a_list_that_was_dropped_for_another_is_not_known_and_is_asked_for_anew() -> None:
    server = Server("1")
    server.size = 2_000_000
    run(server.fetch(NOW))
    run(server.fetch(NOW, THERE))

    assert server.lists.last_seen(HERE, "1") == (None, False)
    assert server.lists.last_seen(THERE, "1") == (RemoteSync("1", {}), False)

    run(server.fetch(NOW))
    assert server.lists.last_seen(HERE, "1") == (RemoteSync("1", {}), False)
    assert server.memory.size == 2_000_000


def test_a_list_without_room_is_refused_and_takes_none() -> None:
    server = Server("1")
    server.size = 4_000_000

    with pytest.raises(TransientError, match="use fewer Workspaces"):
        run(server.fetch(NOW))

    assert server.memory.size == 0


def test_a_list_that_nobody_needs_and_single_reads_give_their_room_back() -> None:
    server = Server("1", "2")
    server.size = 2_000_000
    client = cast("Any", server)
    run(server.fetch(NOW))

    async def story() -> None:
        for sync_id in ("1", "2", "3"):
            await server.lists.read_one(THERE, client, sync_id, since=NOW)

    run(story())
    assert 2_000_000 < server.memory.size <= 3_000_000
    server.lists.forget(HERE)
    server.lists.forget(THERE)
    assert server.memory.size == 0


def test_a_list_that_failed_is_not_kept_by_its_error() -> None:
    server = Server("1")
    server.fails = True
    server.takes = 10

    async def story() -> None:
        with suppress(TransientError):
            await server.fetch(NOW)
        assert not server.read
        with pytest.raises(TransientError, match="the last one failed: no answer"):
            await server.fetch(NOW)

    run(story())


def test_a_run_that_ended_moves_the_status_that_older_lists_tell() -> None:
    server, told = Server("1"), list[str | None]()

    def look() -> None:
        seen, _ = server.lists.last_seen(HERE, "1")
        told.append(seen.status if seen is not None else None)

    run(server.fetch(NOW))
    look()
    server.now += timedelta(seconds=1)
    server.lists.amend(HERE.remote_workspace, "1", status="healthy")
    look()
    server.now += timedelta(seconds=1)
    run(server.fetch(server.now))
    look()

    assert told == ["", "healthy", ""]
