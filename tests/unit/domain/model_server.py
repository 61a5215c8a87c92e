"""A model of the sync server for simulations: what it stores, and a client whose every call meets its fate."""

import json
from collections.abc import Callable, Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sync_operator.errors import NotFoundError, OutcomeUnknownError, RejectedError, ThrottledError, TransientError
from sync_operator.sandbox.routes.request_validation import permitted_fields
from sync_operator.syncapi.parsing import parse_sync
from sync_operator.syncapi.types import Dialect, NamedResource, RefKind, RemoteList, RemoteSync, User

__all__ = ["Client", "Died", "Fate", "Server", "Stored"]


class Fate(StrEnum):
    """What becomes of a call."""

    ANSWERED = "answered"
    DOWN = "not carried out, and said so"
    LOST = "carried out, and the answer lost"
    NEVER = "not carried out, and no answer"
    LATE = "no answer, and carried out later"
    THROTTLED = "put off"
    REFUSED = "refused for good"
    DIED_BEFORE = "the process died before it"
    DIED_AFTER = "the process died after it"
    DIED_LATE = "the process died, and it is carried out later"


class Died(BaseException):
    """The operator's process is gone."""


@dataclass
class Stored:
    """A sync on the server.

    Attributes:
        maker: uid of the Sync whose create made it; empty when a person did.
    """

    attributes: dict[str, Any]
    created_at: datetime
    maker: str = ""
    status: str = "pending"
    by_itself: bool = False
    """The server's own schedule runs it."""


@dataclass
class Server:
    """One workspace of one server.

    Attributes:
        ahead: how far its clock is ahead of everybody else's.
        coming: creates still under way: when they will be carried out, body, maker.
        deleted: syncs by id that are gone, and who deleted them (uid of a Sync, empty for a person).
        writes: every write by id that was carried out: id, uid of the Sync for which.
        things: what syncs refer to, by id.
    """

    clock: Callable[[], datetime]
    ahead: timedelta = timedelta()
    syncs: dict[str, Stored] = field(default_factory=dict)
    coming: list[tuple[datetime, dict[str, Any], str]] = field(default_factory=list)
    deleted: dict[str, str] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    made: int = 0
    things: dict[RefKind, dict[int, NamedResource]] = field(init=False)

    def __post_init__(self) -> None:
        self.things = {RefKind.SOURCE: {}, RefKind.DESTINATION: {}, RefKind.MODEL: {}}
        for role, number, name in (
            (RefKind.SOURCE, 1, "Warehouse"),
            (RefKind.SOURCE, 9, "Lake"),
            (RefKind.DESTINATION, 2, "CRM"),
            (RefKind.MODEL, 3, "Customers"),
        ):
            self.name(role, number, name)

    def name(self, role: RefKind, number: int, name: str) -> None:
        """People give something a name."""
        self.things[role][number] = NamedResource(number, name, self.clock() + self.ahead)

    def create(self, body: Mapping[str, Any], maker: str = "", *, at: datetime | None = None) -> str:
        """`POST /syncs`, carried out now, or at an earlier time that the clock has leapt over."""
        self.made += 1
        kept = permitted_fields(json.loads(json.dumps(body)), create=True, dialect="multiwoven")
        self.syncs[str(self.made)] = Stored(kept, (at or self.clock()) + self.ahead, maker)
        self._schedule(str(self.made))
        return str(self.made)

    def update(self, sync_id: str, body: Mapping[str, Any]) -> None:
        """`PUT /syncs/:id`."""
        kept = permitted_fields(json.loads(json.dumps(body)), create=False, dialect="multiwoven")
        self.syncs[sync_id].attributes |= kept
        self._schedule(sync_id)

    def enable(self, sync_id: str, *, wanted: bool) -> None:
        """`PATCH /syncs/:id/enable`: only disabling ends the server's own schedule."""
        stored = self.syncs[sync_id]
        if wanted != (stored.status != "disabled"):
            stored.status = "pending" if wanted else "disabled"
            stored.by_itself = False
            if wanted:
                self._schedule(sync_id)

    def delete(self, sync_id: str, by: str = "") -> None:
        """`DELETE /syncs/:id`."""
        del self.syncs[sync_id]
        self.deleted[sync_id] = by

    def pass_time(self) -> None:
        """Carry out what is due."""
        due = [entry for entry in self.coming if entry[0] <= self.clock()]
        self.coming = [entry for entry in self.coming if entry not in due]
        for at, body, maker in due:
            self.create(body, maker, at=at)

    def told(self, sync_id: str) -> RemoteSync:
        """A sync as it is answered."""
        stored = self.syncs[sync_id]
        attributes = stored.attributes | {"status": stored.status, "created_at": stored.created_at.isoformat()}
        read = parse_sync(json.loads(json.dumps({"data": {"id": sync_id, "type": "syncs", "attributes": attributes}})))
        assert read is not None
        return read

    def _schedule(self, sync_id: str) -> None:
        stored = self.syncs[sync_id]
        stored.by_itself = stored.by_itself or stored.attributes["schedule_type"] != "manual"


class Client:
    """The calls of `ApiClient` on a model server, for one Sync at a time."""

    dialect = Dialect.MULTIWOVEN
    namespace = "team"

    def __init__(self, server: Server, timeout: timedelta) -> None:
        self._server = server
        self._timeout = timeout
        self._fates: MutableSequence[Fate] = []
        self.caller = ""

    def expect(self, caller: str, fates: MutableSequence[Fate]) -> None:
        """From now on calls are made for that Sync, and meet these fates in turn; when none is left, an answer."""
        self.caller = caller
        self._fates = fates

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """The calls meanwhile are answered, and none of the fates is theirs."""
        coming, self._fates = self._fates, []
        yield
        self._fates = coming

    async def whoami(self) -> User:
        self._read()
        return User("operator@example.com", "Admin")

    @property
    def syncs(self) -> "Client":
        return self

    async def create(self, body: Mapping[str, Any]) -> RemoteSync:
        fate = self._meet()
        server = self._server
        if fate in {Fate.LATE, Fate.DIED_LATE}:
            server.coming.append((server.clock() + self._timeout * 0.9, dict(body), self.caller))
        made = server.create(body, self.caller) if fate in {Fate.ANSWERED, Fate.LOST, Fate.DIED_AFTER} else ""
        if fate in {Fate.LOST, Fate.NEVER, Fate.LATE}:
            raise OutcomeUnknownError("POST /syncs got no answer")
        self._end(fate)
        return server.told(made)

    async def get(self, sync_id: str) -> RemoteSync:
        self._read()
        self._find(sync_id)
        return self._server.told(sync_id)

    async def list(self, _on_growth: object = None) -> RemoteList[RemoteSync]:
        self._read()
        told = tuple(self._server.told(sync_id) for sync_id in self._server.syncs)
        return RemoteList(told, self._server.clock() + self._server.ahead)

    async def list_named(self, role: RefKind, _on_growth: object = None) -> tuple[NamedResource, ...]:
        self._read()
        return tuple(self._server.things[role].values())

    async def update(self, sync_id: str, body: Mapping[str, Any]) -> RemoteSync:
        self._write(sync_id, lambda: self._server.update(sync_id, body))
        return self._server.told(sync_id)

    async def set_enabled(self, sync_id: str, enabled: bool) -> None:
        self._write(sync_id, lambda: self._server.enable(sync_id, wanted=enabled))

    async def delete(self, sync_id: str) -> None:
        if sync_id in self._server.syncs:
            self._write(sync_id, lambda: self._server.delete(sync_id, self.caller))
        else:
            self._read()

    async def cancel(self, sync_id: str) -> bool:
        if sync_id in self._server.syncs:
            self._write(sync_id, lambda: None)
        return False

    async def cancel_all(self, sync_id: str) -> None:
        await self.cancel(sync_id)

    def _find(self, sync_id: str) -> None:
        if sync_id not in self._server.syncs:
            raise NotFoundError(f"sync {sync_id} was answered with 404")

    def _read(self) -> None:
        self._end(self._meet())

    def _write(self, sync_id: str, deed: Callable[[], None]) -> None:
        self._find(sync_id)
        fate = self._meet()
        if fate in {Fate.ANSWERED, Fate.LOST, Fate.LATE, Fate.DIED_AFTER}:
            self._server.writes.append((sync_id, self.caller))
            deed()
        self._end(fate)

    def _meet(self) -> Fate:
        fate = self._fates.pop(0) if self._fates else Fate.ANSWERED
        if fate is Fate.DIED_BEFORE:
            raise Died
        return fate

    def _end(self, fate: Fate) -> None:
        match fate:
            case Fate.ANSWERED:
                return
            case Fate.DIED_AFTER | Fate.DIED_LATE:
                raise Died
            case Fate.REFUSED:
                raise RejectedError("answered with 422: Sync creation failed")
            case Fate.THROTTLED:
                raise ThrottledError("answered with 429", retry_after=5)
            case _:
                raise TransientError("no answer")
