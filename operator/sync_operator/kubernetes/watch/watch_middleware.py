"""Middleware for kopf's watches: filters their events, and detects stale ones by the time of their last start.

A silent watch looks the same whether nothing happens or the connection is dead, and the API server sends bookmarks only
once a minute. So watches are short: the API server ends each one after `WATCH_TIMEOUT`, which costs one cheap request,
and a watch that was not restarted for `STALE_AFTER` is stale, for whatever reason.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, cast

import aiohttp

from sync_operator.kubernetes.watch.own_write_filter import (
    DeleteFilter,
    FilteredWatchStream,
    InFlightWrites,
    ObjectVersion,
)

__all__ = ["CLIENT_TIMEOUT", "METADATA_LIST", "STALE_AFTER", "WATCH_TIMEOUT", "WatchMiddleware"]

WATCH_TIMEOUT: Final = 30
"""Seconds after which the API server ends a watch (``timeoutSeconds``)."""
CLIENT_TIMEOUT: Final = WATCH_TIMEOUT + 5
"""Seconds after which the client ends a watch that the API server did not end."""
STALE_AFTER: Final = 50.0
"""Seconds without a restart after which a watch is stale."""

_KIND_IS_GONE: Final = frozenset({403, 404})
"""Status codes that mean that a kind, or a namespace with its Role, is gone: restarting the process would not help."""

_METADATA_ONLY: Final = frozenset({"secrets", "configmaps"})
"""Plurals of kinds of which only metadata is requested, so that the data of Secrets never come by a list or watch."""
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MATCHES_NOTHING: Final = "metadata.name=no-object-has-this-name"
"""A field selector that matches nothing, for an empty list."""


class _MetadataListBody:
    """The response body of a list of metadata. An empty one has ``items: null``, which kopf cannot parse.

    Args:
        content: the body.
    """

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        """Everything except the method with which kopf reads is delegated to the body."""
        return getattr(self._content, name)

    async def read(self) -> bytes:
        """The whole body with ``[]`` for null. No JSON string can match: its quotes would be escaped by backslashes."""
        return (await self._content.read()).replace(b'"items":null', b'"items":[]', 1)


class WatchMiddleware:
    """Client middleware of kopf's session: records the starts of watches, and drops events that carry nothing new.

    It is written by the event loop and may be read from any thread.

    Args:
        clock: monotonic clock, in seconds.

    Attributes:
        writes: own writes in flight; events about their objects wait for the response.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.writes = InFlightWrites()
        self._clock = clock
        self._started_at: dict[str, float] = {}
        self._started: frozenset[str] = frozenset()
        self._listed_versions: dict[str, str] = {}
        self._is_cached: Callable[[str, ObjectVersion], bool] = lambda _plural, _seen: False
        self._delete_filters: dict[str, DeleteFilter] = {}

    def set_filter(
        self,
        is_cached: Callable[[str, ObjectVersion], bool],
        not_cached: Mapping[str, Callable[[ObjectVersion], bool]] | None = None,
    ) -> None:
        """Set which events are dropped.

        Args:
            is_cached: called with the plural of the kind; True if this version of an object, or a later one, is cached.
            not_cached: plural of the kind → True if an object is not in the cache any more; drops DELETED events of
                such objects that kopf has never seen.
        """
        self._is_cached = is_cached
        self._delete_filters = {plural: DeleteFilter(over) for plural, over in (not_cached or {}).items()}

    def resume_from(self, versions: Mapping[str, str]) -> None:
        """Set the collections that we have listed ourselves: URL path → resource version of the list.

        Kopf also begins with a list, and processes it object by object. Its first list of such a collection is turned
        into an empty one of that resource version: nothing is read twice, and its watch starts where our list ends. If
        the API server no longer has that version, kopf lists for itself.
        """
        self._listed_versions = dict(versions)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request; of a watch, record the start and filter the response."""
        path = request.url.path
        is_watch = "watch" in request.url.query
        metadata_only = path.rpartition("/")[2] in _METADATA_ONLY
        if metadata_only:
            request.headers["Accept"] = METADATA if is_watch else METADATA_LIST
        if not is_watch:
            version = self._listed_versions.pop(path, None)
            if version is not None:
                exact = {"resourceVersion": version, "resourceVersionMatch": "Exact", "fieldSelector": _MATCHES_NOTHING}
                request.url = request.url.update_query(exact)
            else:
                # Kopf sees all objects now, so it needs each DELETED.
                self._delete_filters.pop(path.rpartition("/")[2], None)
            response = await handler(request)
            if metadata_only:
                response.content = cast("aiohttp.StreamReader", _MetadataListBody(response.content))
            return response
        self._started_at.setdefault(path, self._clock())
        response = await handler(request)
        if response.status == 200:  # noqa: PLR2004 (HTTP: success)
            self._started_at[path] = self._clock()
            self._started |= {path}
            plural = path.rpartition("/")[2]
            is_cached, write_done = partial(self._is_cached, plural), partial(self.writes.done, plural)
            filtered = FilteredWatchStream(response.content, is_cached, write_done, self._delete_filters.get(plural))
            response.content = cast("aiohttp.StreamReader", filtered)
        elif response.status in _KIND_IS_GONE:
            self._started_at.pop(path, None)
            self._started -= {path}
        return response

    def covers(self, plurals: frozenset[str]) -> bool:
        """True if each of these kinds is watched somewhere."""
        return plurals <= {path.rpartition("/")[2] for path in self._started}

    def stale_watches(self) -> str:
        """Message about the oldest stale watch; empty if none is stale."""
        now = self._clock()
        ages = {path: now - at for path, at in list(self._started_at.items())}
        path = max(ages, key=ages.__getitem__, default="")
        if not path or ages[path] <= STALE_AFTER:
            return ""
        return f"the watch of {path} was started {ages[path]:.0f} s ago, and must be restarted every {WATCH_TIMEOUT} s"
