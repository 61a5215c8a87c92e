"""The connector definitions of each server, which change with its release only: asked for when something is written."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sync_operator.api.scope import Scope
from sync_operator.controller.drift.list_memory import ListMemory
from sync_operator.controller.drift.single_flight import Grow, SingleFlightCache
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.pipeline.definitions import DEFINITIONS_NOT_TOLD, DefinitionSet

__all__ = ["DefinitionCache"]

_log = logging.getLogger(__name__)
MAX_AGE: Final = timedelta(minutes=10)
_OBJECT_FACTOR: Final = 8
"""Approximate memory of a definition as Python objects, for each byte of its JSON."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The definitions of one server; None if it does not tell them."""

    at: datetime
    definitions: DefinitionSet | None


class DefinitionCache:
    """The last definitions of each scope.

    Args:
        clock: returns the current time (aware, UTC).
        memory: limits the memory of all lists.
    """

    def __init__(self, clock: Callable[[], datetime], memory: ListMemory | None = None) -> None:
        self._clock = clock
        self._cache: SingleFlightCache[Scope, _Known] = SingleFlightCache(clock, memory)

    async def fetch(self, scope: Scope, client: ApiClient) -> DefinitionSet | None:
        """The definitions, at most `MAX_AGE` old; None if the server does not tell them: then it alone checks.

        Raises:
            SyncOperatorError: there was no answer, or the credentials do not work.
        """

        async def load(at: datetime, grow: Grow) -> _Known:
            try:
                found = await client.pipeline.definitions()
            except DEFINITIONS_NOT_TOLD as error:
                _log.warning("namespace %s: the server tells no connector definitions: %s", client.namespace, error)
                return _Known(at, None)
            grow(_OBJECT_FACTOR * len(json.dumps(found.as_json())))
            return _Known(at, found)

        return (await self._cache.fetch(scope, load, since=self._clock() - MAX_AGE, owner=client.namespace)).definitions

    def cached(self, scope: Scope) -> DefinitionSet | None:
        """The definitions, if they were read at most `MAX_AGE` ago."""
        held = self._cache.get(scope)
        return held.definitions if held is not None and self._clock() - held.at <= MAX_AGE else None

    def forget(self, scope: Scope) -> None:
        """Drop the definitions of a scope that no Workspace uses any more."""
        self._cache.forget(scope)

    @property
    def entry_count(self) -> int:
        """Number of cached sets of definitions."""
        return self._cache.entry_count
