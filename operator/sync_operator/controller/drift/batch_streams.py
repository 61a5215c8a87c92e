"""Which streams of a destination are written in batches: requested once a day per destination, for all its Syncs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sync_operator.api.scope import Scope
from sync_operator.controller.drift.list_memory import ListMemory
from sync_operator.controller.drift.single_flight import Grow, SingleFlightCache
from sync_operator.errors import NotAdmittedError, SyncOperatorError
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import Dialect

__all__ = ["BatchStreams"]

_log = logging.getLogger(__name__)
MAX_AGE: Final = timedelta(days=1)
MAX_DESTINATIONS: Final = 1000
"""Maximum number of cached destinations per scope; the one that was added first is evicted."""
_ENTRY_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class _Streams:
    """The streams of a destination that are written in batches; empty if the server did not list them."""

    at: datetime
    streams: frozenset[str]


class BatchStreams:
    """The last response for each destination in each scope.

    Args:
        clock: returns the current time (aware, UTC).
        memory: limits the memory of all lists.
    """

    def __init__(self, clock: Callable[[], datetime], memory: ListMemory | None = None) -> None:
        self._clock = clock
        self._cache: SingleFlightCache[tuple[Scope, int], _Streams] = SingleFlightCache(clock, memory)
        self._destinations: dict[Scope, dict[int, None]] = {}

    async def has(self, scope: Scope, client: ApiClient, destination: int | None, stream: str) -> bool:
        """True if the server writes the stream in batches; False if it does not, or if that is unknown."""
        if destination is None or client.dialect is not Dialect.MULTIWOVEN:
            return False
        load = partial(_fetch, client, destination)
        since = self._clock() - MAX_AGE
        try:
            known = await self._cache.fetch((scope, destination), load, since=since, owner=client.namespace)
        except NotAdmittedError:
            return False  # it only adds a note to a message, so it is not worth waiting for
        destinations = self._destinations.setdefault(scope, {})
        destinations[destination] = None
        if len(destinations) > MAX_DESTINATIONS:
            oldest = next(iter(destinations))
            del destinations[oldest]
            self._cache.forget((scope, oldest))
        return stream in known.streams

    def forget(self, scope: Scope) -> None:
        """Drop the destinations of a scope that no Workspace uses any more."""
        for destination in self._destinations.pop(scope, ()):
            self._cache.forget((scope, destination))

    @property
    def entry_count(self) -> int:
        """Number of cached destinations."""
        return self._cache.entry_count


async def _fetch(client: ApiClient, destination: int, at: datetime, grow: Grow) -> _Streams:
    try:
        streams = await client.batch_streams(destination)
    except NotAdmittedError:
        raise
    except SyncOperatorError as error:
        _log.info("which streams of destination %s are written in batches is not known: %s", destination, error)
        streams = frozenset()
    grow(_ENTRY_BYTES + sum(map(len, streams)))
    return _Streams(at, streams)
