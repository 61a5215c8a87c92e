"""A comparison finds what differs, whatever way the server can be read, and says which way it was."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from tests.support.snapshots import MAPPING
from tests.unit.controller.test_steps import registered
from tests.unit.controller.working import Work
from tests.unit.domain.world import HOME, World

from sync_operator.api.constants import SYNC_KIND
from sync_operator.controller.drift import drift_reconciler
from sync_operator.controller.sync.sync_reconciler import SYNC_STEPS
from sync_operator.domain.status.compared_condition import CompareMethod, Comparison
from sync_operator.errors import NotAdmittedError, NotFoundError, ServerFaultError, SyncOperatorError, TransientError
from sync_operator.syncapi.collection import CollectionPath
from sync_operator.syncapi.parsing import parse_sync
from sync_operator.syncapi.types import RemoteList, RemoteSync

BODY = {"source_id": 1, "destination_id": 2, "model_id": 3, "stream_name": "contacts", "configuration": MAPPING}
LATER = TransientError("GET /syncs: the answer was lost")


@dataclass
class Server:
    """Three syncs, of which the second was changed and the third deleted.

    Attributes:
        list_fails: why no list is given.
        read_fails: why no sync can be read.
        unlisted: rows that the list leaves out.
        rate: requests a minute that its Workspace allows; None if that was suspended meanwhile.
    """

    list_fails: SyncOperatorError | None = None
    read_fails: SyncOperatorError | None = None
    unlisted: tuple[int, ...] = ()
    rate: int | None = 100
    read: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def sync(self, sync_id: str) -> RemoteSync:
        changes = {"stream_name": "elsewhere"} if sync_id == "2" else {}
        return RemoteSync(sync_id, {**BODY, "schedule_type": "manual", "sync_mode": "full_refresh", **changes})

    namespace = "team"
    path = CollectionPath("/syncs", "sync", "sync", parse_sync)

    @property
    def syncs(self) -> "Server":
        return self

    async def list(self, _on_growth: object = None) -> RemoteList[RemoteSync]:
        if self.list_fails is not None:
            raise self.list_fails
        return RemoteList((self.sync("1"), self.sync("2")), None, self.unlisted)

    async def get(self, sync_id: str) -> RemoteSync:
        self.read.append(sync_id)
        if self.read_fails is not None:
            raise self.read_fails
        if sync_id == "3":
            raise NotFoundError("404")
        return self.sync(sync_id)


def compared(server: Server) -> tuple[Comparison, int]:
    """How a comparison went, and how many Syncs it woke."""
    world = World()
    context = world.context
    context.queue = Work().queue
    for number in (1, 2, 3):
        context.store.put(SYNC_KIND, registered(number, world.view.url))
    session = context.connections.get(HOME)
    assert session is not None
    assert session.scope is not None

    assert context.connections.replace(HOME, replace(session, requests_per_minute=server.rate), instead_of=session)

    async def at_once(seconds: float) -> None:
        server.pauses.append(seconds)

    context.comparisons.sleep = at_once
    context.comparisons.failed(HOME, "not begun")
    asyncio.run(drift_reconciler._compare((SYNC_STEPS,), context, HOME, session.scope, cast("Any", server)))
    comparison = context.comparisons.get(HOME)
    assert comparison is not None
    return comparison, context.queue.depth


@pytest.mark.parametrize("fails", [ServerFaultError("undefined method 'x' for nil"), LATER])
def test_without_a_list_each_sync_is_read(fails: SyncOperatorError) -> None:
    by_list, woken = compared(Server())
    assert by_list.message == f"all its Syncs{CompareMethod.BY_LIST}"

    server = Server(list_fails=fails)
    singly, too = compared(server)
    assert singly.message == f"its Syncs{CompareMethod.ONE_BY_ONE}{fails}"
    assert singly.completed_at is not None
    assert server.read == ["1", "2", "3"]
    assert too == woken


@pytest.mark.parametrize(("rate", "pause"), [(100, 15), (None, 15), (1, 240)])
def test_single_reads_are_spread_over_the_period_and_keep_to_the_rate(rate: int | None, pause: float) -> None:
    server = Server(list_fails=LATER, rate=rate)
    compared(server)
    assert server.pauses == [pause] * 3


def test_rows_that_cannot_be_listed_are_named() -> None:
    comparison, _ = compared(Server(unlisted=(17,)))
    assert comparison.message.startswith(f"its Syncs{CompareMethod.BUT_FOR_ROWS}GET /syncs is refused for row 17")
    assert "per_page=1&page=17" in comparison.message


@pytest.mark.parametrize(
    ("list_fails", "read_fails"),
    [
        (NotAdmittedError("asked for a pause", throttled=True, seconds=60), None),
        (ServerFaultError("no list"), ServerFaultError("no sync either")),
        (LATER, LATER),
    ],
)
def test_what_was_not_compared_is_not_whole(
    list_fails: SyncOperatorError, read_fails: SyncOperatorError | None
) -> None:
    comparison, _ = compared(Server(list_fails=list_fails, read_fails=read_fails))
    assert comparison.completed_at is None
    assert comparison.failure == str(read_fails or list_fails)
