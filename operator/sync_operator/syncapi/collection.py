"""One collection of the sync API (``/syncs``): list, get, create, update and delete, the same for every kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sync_operator.errors import NotFoundError, OutcomeUnknownError, RejectedError, TransientError
from sync_operator.syncapi.http.responses import Quoting, Response
from sync_operator.syncapi.http.server_client import ServerClient
from sync_operator.syncapi.list_size import ListSize, ignore_growth
from sync_operator.syncapi.paging import Page, Row, WholeList, read_whole_list
from sync_operator.syncapi.parsing import parse_page, size_of, with_packed_attributes
from sync_operator.syncapi.types import Dialect, RemoteList, RemoteResource
from sync_operator.util.bounds import MAX_KEPT_BYTES, bounded_date
from sync_operator.util.field_names import camel

__all__ = ["CollectionPath", "ListReader", "ResourceCollection", "as_read", "digits"]

_PAGE_SIZE: Final = 500
"""Rows to request in one page. A Multiwoven server, which accepts any number, takes about 5 ms for each."""
_MAX_DOCUMENTED_PAGE_SIZE: Final = 100
MAX_PAGE_SECONDS: Final = 120.0
"""Timeout in seconds for one page of a list, whatever the Workspace's timeout is: a busy server takes long for it, and
continues to work on a request that was given up."""


@dataclass(frozen=True, slots=True)
class CollectionPath[R: RemoteResource]:
    """What distinguishes one collection from the others.

    Attributes:
        path: below ``/api/v1``.
        key: name of the only field of a body that is written.
        noun: for one resource, in messages.
        parse: reads a resource; None if it has no id or no attributes.
        quoting: which error responses an error may quote.
        broken_rows: for a message: which of them a server may fail to list.
        parent: API field of a body with the id of what it belongs to, without which the server refuses a create with
            404; empty if there is none.
    """

    path: str
    key: str
    noun: str
    parse: Callable[[Any], R | None]
    quoting: Quoting = Quoting.ALL
    broken_rows: str = "whose connector or model is gone"
    parent: str = ""


class ListReader:
    """Reads lists of one server, in pages as its dialect has them.

    Args:
        server: sends the requests.
        dialect: which one the server speaks.
    """

    def __init__(self, server: ServerClient, dialect: Dialect) -> None:
        self._server = server
        self._dialect = dialect

    def page_size(self, size: int) -> dict[str, str]:
        """The query parameter that asks for a page of that many rows, or of as many as the server accepts."""
        if self._dialect is Dialect.MULTIWOVEN:
            return {"per_page": str(size)}
        return {"page_size": str(min(size, _MAX_DOCUMENTED_PAGE_SIZE))}

    async def read_all[T: Row](
        self,
        path: str,
        parse: Callable[[Any], T | None],
        tally: ListSize[T],
        *,
        filters: Mapping[str, str] | None = None,
        sized: bool = True,
        quoting: Quoting = Quoting.ALL,
    ) -> tuple[WholeList[T], datetime | None]:
        """Read a list page by page, with a longer timeout than other calls have; see `read_whole_list`.

        Args:
            path: below ``/api/v1``.
            parse: reads an item; None for one that is left out.
            tally: counts the memory of the rows.
            filters: further query parameters.
            sized: False if the server ignores the page size that is requested.
            quoting: which error responses an error may quote.

        Returns:
            The rows, and the server's time in the last response.
        """
        clock: datetime | None = None

        def counted(item: Any) -> T | None:
            row = parse(item)
            if row is not None:
                tally.add(row)
            return row

        async def request_page(page: int, size: int) -> Page[T]:
            nonlocal clock
            query = {"page": str(page), **self.page_size(size), **(filters or {})}
            answer = await self._server.send(
                "GET", path, query=query, timeout_seconds=MAX_PAGE_SECONDS, parse_item=counted, quoting=quoting
            )
            clock = bounded_date(answer.headers.get("date", ""))
            return parse_page(answer.body, as_read)

        size = _PAGE_SIZE if self._dialect is Dialect.MULTIWOVEN else _MAX_DOCUMENTED_PAGE_SIZE
        return await read_whole_list(request_page, tally, size=size, sized=sized), clock


class ResourceCollection[R: RemoteResource]:
    """The calls on one collection of one workspace. All raise the errors of `sync_operator.errors`.

    Args:
        server: sends the requests.
        reader: reads lists of that server.
        path: which collection.

    Attributes:
        path: the same.
    """

    def __init__(self, server: ServerClient, reader: ListReader, path: CollectionPath[R]) -> None:
        self.path = path
        self._server = server
        self._reader = reader

    async def list(self, on_growth: Callable[[int], None] = ignore_growth) -> RemoteList[R]:
        """`GET` of the collection: all resources, each once, with their attributes kept as text.

        Args:
            on_growth: called with the bytes of memory by which the list grows, or shrinks (negative); may raise.

        Raises:
            ServerFaultError: the server fails to return the list, or too many rows of it.
        """
        tally: ListSize[R] = ListSize(
            size_of,
            on_growth,
            f"the {self.path.noun}s of this workspace hold more than {MAX_KEPT_BYTES // 2**20} MiB of configuration; "
            "so much is not read: spread them over several workspaces",
        )
        whole, clock = await self._reader.read_all(self.path.path, self._parse_packed, tally, quoting=self.path.quoting)
        return RemoteList(whole.rows, clock, whole.unlisted)

    async def get(self, remote_id: str) -> R:
        """`GET` by id."""
        answer = await self._server.send("GET", self._by_id(remote_id), quoting=self.path.quoting)
        return self._parse_required(answer, "GET")

    async def create(self, body: Mapping[str, Any]) -> R:
        """`POST` to the collection. Never retried here.

        Raises:
            OutcomeUnknownError: it may have been created; list the collection before another create.
            RejectedError: the server refuses it, also because what it belongs to is not there.
        """
        path = self.path
        wrapped = {path.key: dict(body)}
        try:
            answer = await self._server.send("POST", path.path, body=wrapped, idempotent=False, quoting=path.quoting)
        except NotFoundError as error:
            if not path.parent:
                raise
            noun, number = path.parent.removesuffix("_id"), body.get(path.parent)
            words = (
                f"{error}: spec.{camel(path.parent)}: this workspace has no {noun} {number}; write one that is there"
            )
            raise RejectedError(words, retryable=True) from error
        remote = path.parse(answer.body)
        if remote is None:
            raise OutcomeUnknownError(f"POST {path.path} was accepted, but the answer names no id", settled=True)
        return remote

    async def update(self, remote_id: str, body: Mapping[str, Any]) -> R:
        """`PUT` by id with the whole body."""
        wrapped = {self.path.key: dict(body)}
        path = self._by_id(remote_id)
        answer = await self._server.send("PUT", path, body=wrapped, quoting=self.path.quoting)
        return self._parse_required(answer, "PUT")

    async def delete(self, remote_id: str) -> None:
        """`DELETE` by id; what does not exist counts as deleted."""
        try:
            await self._server.send("DELETE", self._by_id(remote_id), quoting=self.path.quoting)
        except NotFoundError:
            return

    def _by_id(self, remote_id: str) -> str:
        return f"{self.path.path}/{digits(remote_id)}"

    def _parse_packed(self, item: Any) -> R | None:
        remote = self.path.parse(item)
        return None if remote is None else with_packed_attributes(remote)

    def _parse_required(self, answer: Response, method: str) -> R:
        remote = self.path.parse(answer.body)
        if remote is None:
            raise TransientError(f"{method} of a {self.path.noun} was answered without the {self.path.noun}")
        return remote


def digits(remote_id: str) -> str:
    """The id, checked to be digits, so that it is safe in a URL path; ValueError otherwise."""
    if not (remote_id.isascii() and remote_id.isdigit()):
        raise ValueError("an id of the API is a string of digits")
    return remote_id


def as_read(item: Any) -> Any:
    """The item itself: it was parsed when it was received."""
    return item
