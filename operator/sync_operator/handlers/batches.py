"""Which streams of a destination are written in batches: asked for once a day, however many Syncs write there."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sync_operator.errors import HeldBackError, SyncOperatorError
from sync_operator.handlers.list_memory import ListMemory
from sync_operator.handlers.shared import Grow, Shared
from sync_operator.model.scope import Scope
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Dialect

__all__ = ["BatchStreams"]

_log = logging.getLogger(__name__)
MAX_AGE: Final = timedelta(days=1)
MAX_DESTINATIONS: Final = 1000
"""Of one scope; the one that was asked for first goes."""
_ENTRY_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class _Known:
    """The streams of a destination, as known at a time; none where the server did not tell."""

    at: datetime
    streams: frozenset[str]


class BatchStreams:
    """The last answer for each destination in each scope.

    Args:
        clock: the time now, aware, UTC.
        memory: what all lists take.
    """

    def __init__(self, clock: Callable[[], datetime], memory: ListMemory | None = None) -> None:
        self._clock = clock
        self._known: Shared[tuple[Scope, int], _Known] = Shared(clock, memory)
        self._destinations: dict[Scope, dict[int, None]] = {}

    async def has(self, scope: Scope, client: ApiClient, destination: int | None, stream: str) -> bool:
        """True where the server writes the stream in batches; False where it does not, or does not tell."""
        if destination is None or client.dialect is not Dialect.MULTIWOVEN:
            return False
        ask = partial(_ask, client, destination)
        since = self._clock() - MAX_AGE
        try:
            known = await self._known.fetch((scope, destination), ask, since=since, owner=client.namespace)
        except HeldBackError:
            return False  # what only adds to a message is not waited for
        destinations = self._destinations.setdefault(scope, {})
        destinations[destination] = None
        if len(destinations) > MAX_DESTINATIONS:
            oldest = next(iter(destinations))
            del destinations[oldest]
            self._known.forget((scope, oldest))
        return stream in known.streams

    def forget(self, scope: Scope) -> None:
        """No Workspace is in that scope any more."""
        for destination in self._destinations.pop(scope, ()):
            self._known.forget((scope, destination))

    @property
    def kept(self) -> int:
        """How many destinations are kept."""
        return self._known.kept


async def _ask(client: ApiClient, destination: int, at: datetime, grow: Grow) -> _Known:
    try:
        streams = await client.batch_streams(destination)
    except HeldBackError:
        raise
    except SyncOperatorError as error:
        _log.info("which streams of destination %s are written in batches is not known: %s", destination, error)
        streams = frozenset()
    grow(_ENTRY_BYTES + sum(map(len, streams)))
    return _Known(at, streams)
