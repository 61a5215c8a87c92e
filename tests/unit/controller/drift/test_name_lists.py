"""Lists of names: asked for once for all, by role and scope, and never older than wanted."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from tests.support.clockwork import run
from tests.support.manifests import BY_NAME, sync_manifest
from tests.support.snapshots import NOW, URL

from sync_operator.api.kinds.workspace import remote_workspace_of
from sync_operator.api.scope import Scope
from sync_operator.controller.drift.name_lists import NameListCache, roles_of
from sync_operator.domain.sync.name_resolution import Names
from sync_operator.errors import TransientError
from sync_operator.syncapi.types import NamedResource, RefKind

HERE = Scope(remote_workspace_of(URL, "1"), "a")
THERE = Scope(remote_workspace_of(URL, "2"), "a")
ANOTHER = Scope(remote_workspace_of(URL, "1"), "b")


class Server:
    """A server that takes its time."""

    def __init__(self) -> None:
        self.now = NOW
        self.asked: Counter[RefKind] = Counter()
        self.fails = False
        self.lists = NameListCache(lambda: self.now)

    namespace = "team"

    async def list_named(self, role: RefKind, _on_growth: object = None) -> tuple[NamedResource, ...]:
        self.asked[role] += 1
        await asyncio.sleep(10)
        self.now += timedelta(seconds=10)
        if self.fails:
            raise TransientError("no answer")
        return (NamedResource(self.asked[role], f"{role} by name"),)

    async def fetch(self, *roles: RefKind, since: datetime = NOW, scope: Scope = HERE) -> Names:
        return await self.lists.fetch(scope, cast("Any", self), roles, since=since)


def test_many_who_ask_at_once_share_one_list_of_each_role() -> None:
    server = Server()

    async def story() -> None:
        await asyncio.gather(*(server.fetch(*RefKind) for _ in range(20)))

    run(story())
    assert server.asked == dict.fromkeys(RefKind, 1)


def test_only_what_is_wanted_and_too_old_is_asked_for() -> None:
    server = Server()

    async def story() -> Names:
        await server.fetch(RefKind.MODEL)
        return await server.fetch(RefKind.SOURCE, RefKind.MODEL, since=server.now)

    names = run(story())
    assert server.asked == {RefKind.MODEL: 2, RefKind.SOURCE: 1}
    assert names[RefKind.MODEL].at == NOW + timedelta(seconds=20), "when it was asked for, not when it was answered"
    assert set(names[RefKind.MODEL].by_id) == {2}
    assert RefKind.DESTINATION not in names


def test_what_a_server_does_not_list_is_told_with_whose_it_is_and_asked_for_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server()
    server.fails = True

    for _ in range(2):
        run(server.lists.try_fetch(HERE, cast("Any", server), RefKind, since=server.now))

    assert server.lists.unlisted(HERE) == set(RefKind)
    assert server.asked == dict.fromkeys(RefKind, 1)
    assert caplog.messages == [
        f"namespace team: the ids of its {role}s cannot be looked up: no answer" for role in RefKind
    ]


def test_places_and_accounts_have_lists_of_their_own() -> None:
    server = Server()

    run(server.fetch(RefKind.MODEL))

    assert set(server.lists.cached(HERE)) == {RefKind.MODEL}
    assert server.lists.cached(THERE) == server.lists.cached(ANOTHER) == {}


def test_a_list_that_fails_leaves_the_one_before() -> None:
    server = Server()

    async def story() -> None:
        await server.fetch(RefKind.MODEL)
        server.fails = True
        with pytest.raises(TransientError):
            await server.fetch(RefKind.MODEL, since=server.now)

    run(story())
    assert set(server.lists.cached(HERE)[RefKind.MODEL].by_id) == {1}


def test_roles_are_those_that_a_sync_gives_by_name() -> None:
    assert roles_of(sync_manifest("orders")) == set()
    assert roles_of(sync_manifest("orders", **BY_NAME)) == set(RefKind)
    assert roles_of(sync_manifest("orders", **{name: BY_NAME[name] for name in ("modelId", "modelRef")})) == {
        RefKind.MODEL
    }
