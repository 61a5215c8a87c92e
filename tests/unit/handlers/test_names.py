"""Lists of names: asked for once for all, by role and scope, and never older than wanted."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from tests.support.clockwork import run
from tests.support.manifests import BY_NAME, sync_manifest
from tests.support.pictures import NOW, URL

from sync_operator.decide.names import Names
from sync_operator.errors import TransientError
from sync_operator.handlers.names import NameLists, roles_of
from sync_operator.model.scope import Scope
from sync_operator.model.workspace import place_of
from sync_operator.remote.types import Named, Role

HERE = Scope(place_of(URL, "1"), "a")
THERE = Scope(place_of(URL, "2"), "a")
ANOTHER = Scope(place_of(URL, "1"), "b")


class Server:
    """A server that takes its time."""

    def __init__(self) -> None:
        self.now = NOW
        self.asked: Counter[Role] = Counter()
        self.fails = False
        self.lists = NameLists(lambda: self.now)

    namespace = "team"

    async def list_named(self, role: Role, _grow: object = None) -> tuple[Named, ...]:
        self.asked[role] += 1
        await asyncio.sleep(10)
        self.now += timedelta(seconds=10)
        if self.fails:
            raise TransientError("no answer")
        return (Named(self.asked[role], f"{role} by name"),)

    async def fetch(self, *roles: Role, since: datetime = NOW, scope: Scope = HERE) -> Names:
        return await self.lists.fetch(scope, cast("Any", self), roles, since=since)


def test_many_who_ask_at_once_share_one_list_of_each_role() -> None:
    server = Server()

    async def story() -> None:
        await asyncio.gather(*(server.fetch(*Role) for _ in range(20)))

    run(story())
    assert server.asked == dict.fromkeys(Role, 1)


def test_only_what_is_wanted_and_too_old_is_asked_for() -> None:
    server = Server()

    async def story() -> Names:
        await server.fetch(Role.MODEL)
        return await server.fetch(Role.SOURCE, Role.MODEL, since=server.now)

    names = run(story())
    assert server.asked == {Role.MODEL: 2, Role.SOURCE: 1}
    assert names[Role.MODEL].at == NOW + timedelta(seconds=20), "when it was asked for, not when it was answered"
    assert set(names[Role.MODEL].by_id) == {2}
    assert Role.DESTINATION not in names


def test_places_and_accounts_have_lists_of_their_own() -> None:
    server = Server()

    run(server.fetch(Role.MODEL))

    assert set(server.lists.seen(HERE)) == {Role.MODEL}
    assert server.lists.seen(THERE) == server.lists.seen(ANOTHER) == {}


def test_a_list_that_fails_leaves_the_one_before() -> None:
    server = Server()

    async def story() -> None:
        await server.fetch(Role.MODEL)
        server.fails = True
        with pytest.raises(TransientError):
            await server.fetch(Role.MODEL, since=server.now)

    run(story())
    assert set(server.lists.seen(HERE)[Role.MODEL].by_id) == {1}


def test_roles_are_those_that_a_sync_gives_by_name() -> None:
    assert roles_of(sync_manifest("orders")) == set()
    assert roles_of(sync_manifest("orders", **BY_NAME)) == set(Role)
    assert roles_of(sync_manifest("orders", **{name: BY_NAME[name] for name in ("modelId", "modelRef")})) == {
        Role.MODEL
    }
