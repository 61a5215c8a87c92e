"""Cached lists of connectors and models by name: requested once per scope and period for all Syncs that use names."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sync_operator.api.scope import Scope
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.controller.drift.list_memory import ListMemory
from sync_operator.controller.drift.single_flight import Grow, SingleFlightCache
from sync_operator.domain.sync.name_resolution import NameList, Names, name_list
from sync_operator.errors import (
    BlockedAddressError,
    NotAdmittedError,
    SyncOperatorError,
    UnauthorizedError,
    UnknownWorkspaceError,
)
from sync_operator.syncapi.client import ApiClient
from sync_operator.syncapi.types import RefKind

__all__ = ["NameListCache", "roles_of"]

_log = logging.getLogger(__name__)
_REFUSED_FOR: Final = timedelta(minutes=5)
"""Time for which a refused list is not requested again only to look up ids."""


class NameListCache:
    """The last list of each role (`RefKind`) in each scope."""

    def __init__(self, clock: Callable[[], datetime], memory: ListMemory | None = None) -> None:
        self._clock = clock
        self._lists: SingleFlightCache[tuple[Scope, RefKind], NameList] = SingleFlightCache(clock, memory)
        self._refused: dict[tuple[Scope, RefKind], datetime] = {}

    async def fetch(self, scope: Scope, client: ApiClient, roles: Iterable[RefKind], *, since: datetime) -> Names:
        """Lists that were requested at or after ``since``: cached ones if they are new enough, else new ones.

        Raises:
            SyncOperatorError: the server refused a list or did not respond.
        """
        for role in roles:
            load = partial(_fetch, client, role)
            await self._lists.fetch((scope, role), load, since=since, owner=client.namespace)
        return self.cached(scope)

    async def try_fetch(self, scope: Scope, client: ApiClient, roles: Iterable[RefKind], *, since: datetime) -> None:
        """Fetch lists that the server may refuse; a refused list is not requested again for a while.

        Raises:
            NotAdmittedError: the request was not admitted.
            AccessError: the server refuses every request of this client.
        """
        for role in roles:
            if role in self.unlisted(scope):
                continue
            try:
                await self.fetch(scope, client, [role], since=since)
            except (NotAdmittedError, UnauthorizedError, UnknownWorkspaceError, BlockedAddressError):
                raise
            except SyncOperatorError as error:
                _log.warning("namespace %s: the ids of its %ss cannot be looked up: %s", client.namespace, role, error)
                self._refused[scope, role] = self._clock()

    def unlisted(self, scope: Scope) -> frozenset[RefKind]:
        """The roles whose lists the server has refused lately."""
        now = self._clock()
        return frozenset(
            role for role in RefKind if (at := self._refused.get((scope, role))) is not None and now - at < _REFUSED_FOR
        )

    def cached(self, scope: Scope) -> Names:
        """The cached lists."""
        return {role: held for role in RefKind if (held := self._lists.get((scope, role))) is not None}

    def forget(self, scope: Scope) -> None:
        """Drop the lists of a scope; if it is still used, they are requested again."""
        for role in RefKind:
            self._lists.forget((scope, role))
            self._refused.pop((scope, role), None)

    @property
    def entry_count(self) -> int:
        """Number of cached lists."""
        return self._lists.entry_count


async def _fetch(client: ApiClient, role: RefKind, at: datetime, grow: Grow) -> NameList:
    return name_list(await client.list_named(role, grow), at)


def roles_of(sync: dict[str, Any]) -> set[RefKind]:
    """The roles to look up for a Sync (as returned by the API server): given by name, or with ids that were refused."""
    spec, status = sync.get("spec", {}), sync.get("status", {})
    reported: Any = next(
        (entry for entry in status.get("conditions", ()) if entry["type"] == ConditionType.REGISTERED), {}
    )
    refused = "id" not in status and reported.get("reason") == Reason.INVALID_SPEC
    return set(RefKind) if refused else {role for role in RefKind if "serverName" in spec.get(f"{role}Ref", {})}
