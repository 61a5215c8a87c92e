"""Name look-ups: nobody's slow names keep others waiting."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from sync_operator.syncapi.http.dns_resolver import MAX_LOOK_UPS, Resolver
from sync_operator.syncapi.http.ssrf_backend import addresses_of


class Names:
    """A system's resolver: names that begin with `slow` take until they are let go, `wrong` ones do not exist."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[str] = []
        self.let_go = threading.Event()
        self._counted = threading.Condition()
        self.resolver = Resolver(self.look_up, lambda: self.now)

    def look_up(self, host: str) -> list[str]:
        with self._counted:
            self.asked.append(host)
            self._counted.notify_all()
        if host.startswith("slow"):
            assert self.let_go.wait(30)
        if host.startswith("wrong") or host.endswith("wrong"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return ["10.0.0.1"]

    async def until_asked(self, number: int) -> None:
        """Wait until so many look-ups have begun."""

        def look() -> None:
            with self._counted:
                assert self._counted.wait_for(lambda: len(self.asked) >= number, 30)

        await asyncio.to_thread(look)


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    made = Names()
    yield made
    made.let_go.set()


def asking(names: Names, namespace: str, *hosts: str) -> list[asyncio.Task[list[str]]]:
    return [asyncio.create_task(names.resolver.resolve(namespace, host, 443)) for host in hosts]


async def test_slow_names_of_one_namespace_keep_nobody_else_waiting(names: Names) -> None:
    slow = asking(names, "bad", *(f"slow-{number}" for number in range(100)))
    await names.until_asked(MAX_LOOK_UPS // 2)
    for number in range(100):
        assert await names.resolver.of("good")(f"good-{number}", 443) == ["10.0.0.1"]
    assert len(names.asked) == MAX_LOOK_UPS // 2 + 100, "and no more of them are begun"
    names.let_go.set()
    assert await asyncio.gather(*slow) == [["10.0.0.1"]] * 100


async def test_slow_names_of_many_namespaces_leave_room_for_the_next(names: Names) -> None:
    slow = [asking(names, f"bad-{number % 20}", f"slow-{number}") for number in range(400)]
    await names.until_asked(60)
    assert await names.resolver.resolve("good", "good", 443) == ["10.0.0.1"]
    names.let_go.set()
    await asyncio.gather(*(task for tasks in slow for task in tasks))
    assert len(names.asked) == 401


async def test_a_name_is_looked_up_once_at_a_time(names: Names) -> None:
    tasks = [*asking(names, "one", "slow", "SLOW"), *asking(names, "two", "slow")]
    await names.until_asked(1)
    names.let_go.set()
    assert await asyncio.gather(*tasks) == [["10.0.0.1"]] * 3
    assert names.asked == ["slow"]
    await names.resolver.resolve("one", "slow", 443)
    assert names.asked == ["slow", "slow"], "what was found is not kept"


async def test_who_waits_for_a_place_takes_what_others_found_meanwhile(names: Names) -> None:
    slow = asking(names, "bad", *(f"slow-{number}" for number in range(40)), "late-wrong", "late-wrong")
    await names.until_asked(32)
    with pytest.raises(socket.gaierror):
        await names.resolver.resolve("good", "late-wrong", 443)
    names.let_go.set()
    found = await asyncio.gather(*slow, return_exceptions=True)
    assert [type(entry) for entry in found[-2:]] == [socket.gaierror] * 2
    assert names.asked.count("late-wrong") == 1


@pytest.mark.parametrize(("took", "pause"), [(0, 5), (1, 5), (10, 30), (500, 60)])
async def test_a_name_that_failed_is_not_asked_for_again_at_once(names: Names, took: float, pause: float) -> None:
    first = asking(names, "team", "slow-wrong")[0]
    await names.until_asked(1)
    names.now += took
    names.let_go.set()
    with pytest.raises(socket.gaierror, match="no such name"):
        await first
    names.now += pause - 1
    for namespace in ("team", "other"):
        with pytest.raises(socket.gaierror, match="no such name"):
            await names.resolver.resolve(namespace, "slow-wrong", 443)
    assert len(names.asked) == 1
    names.now += 1
    with pytest.raises(socket.gaierror):
        await names.resolver.resolve("team", "slow-wrong", 443)
    assert len(names.asked) == 2


async def test_only_so_many_failures_are_remembered(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_operator.syncapi.http.dns_resolver._MAX_FAILED", 2)
    for host in ("wrong-1", "wrong-2", "wrong-3", "wrong-3", "wrong-1"):
        with pytest.raises(socket.gaierror):
            await names.resolver.resolve("team", host, 443)
    assert names.asked == ["wrong-1", "wrong-2", "wrong-3", "wrong-1"]


async def test_who_gives_up_leaves_the_look_up_to_others_and_its_place_to_the_next(names: Names) -> None:
    begun = asking(names, "bad", *(f"slow-{number}" for number in range(32)))
    await names.until_asked(32)
    waiting = asking(names, "bad", "gone-1", "gone-2", "next")
    await asyncio.sleep(0)
    for task in (*begun, *waiting[:2]):
        task.cancel()
    await asyncio.wait([*begun, *waiting[:2]])
    assert len(names.asked) == 32, "the threads are still busy"
    names.let_go.set()
    assert await waiting[2] == ["10.0.0.1"]
    assert names.asked[32:] == ["next"]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_needs_no_look_up(names: Names, address: str) -> None:
    assert await names.resolver.resolve("team", address, 443) == [address]
    assert names.asked == []


async def test_where_no_thread_is_left_the_name_counts_as_failed(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(socket.gaierror, match="no thread"):
        await names.resolver.resolve("team", "api.example.com", 443)


@pytest.mark.parametrize("host", ["a" * 64 + ".example.com", "a..b"])
def test_what_cannot_be_a_name_has_no_address(host: str) -> None:
    with pytest.raises(OSError, match="name"):
        addresses_of(host)


def test_the_systems_own_names_are_found() -> None:
    assert set(addresses_of("localhost")) <= {"127.0.0.1", "::1"}
