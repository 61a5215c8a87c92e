"""Lists of connectors and models by name: asked for once a workspace and period, however many Syncs use names."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sync_operator.decide.names import NameList, Names, name_list
from sync_operator.errors import (
    HeldBackError,
    HostRefusedError,
    SyncOperatorError,
    UnauthorizedError,
    WorkspaceError,
)
from sync_operator.handlers.list_memory import ListMemory
from sync_operator.handlers.shared import Grow, Shared
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.scope import Scope
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Role

__all__ = ["NameLists", "roles_of"]

_log = logging.getLogger(__name__)
_ASKED_AGAIN: Final = timedelta(minutes=5)
"""For so long a list that was refused is not asked for again only to look up ids."""


class NameLists:
    """The last list of each role in each scope."""

    def __init__(self, clock: Callable[[], datetime], memory: ListMemory | None = None) -> None:
        self._clock = clock
        self._lists: Shared[tuple[Scope, Role], NameList] = Shared(clock, memory)
        self._refused: dict[tuple[Scope, Role], datetime] = {}

    async def fetch(self, scope: Scope, client: ApiClient, roles: Iterable[Role], *, since: datetime) -> Names:
        """Lists that were asked for at or after ``since``: those held that are young enough, and new ones.

        Raises:
            SyncOperatorError: the server did not give one.
        """
        for role in roles:
            ask = partial(_ask, client, role)
            await self._lists.fetch((scope, role), ask, since=since, owner=client.namespace)
        return self.seen(scope)

    async def look(self, scope: Scope, client: ApiClient, roles: Iterable[Role], *, since: datetime) -> None:
        """The same, where the server lists them: one that does not is asked again after a while.

        Raises:
            HeldBackError: it is not the caller's turn.
            AccessError: the server refuses this client, whatever the call.
        """
        for role in roles:
            if role in self.unlisted(scope):
                continue
            try:
                await self.fetch(scope, client, [role], since=since)
            except (HeldBackError, UnauthorizedError, WorkspaceError, HostRefusedError):
                raise
            except SyncOperatorError as error:
                _log.warning("ids cannot be looked up: %s", error)
                self._refused[scope, role] = self._clock()

    def unlisted(self, scope: Scope) -> frozenset[Role]:
        """What the server has refused to list of late."""
        now = self._clock()
        return frozenset(
            role for role in Role if (at := self._refused.get((scope, role))) is not None and now - at < _ASKED_AGAIN
        )

    def seen(self, scope: Scope) -> Names:
        """The lists as they are known."""
        return {role: held for role in Role if (held := self._lists.get((scope, role))) is not None}

    def forget(self, scope: Scope) -> None:
        """One who asked about that scope is gone; others who may be there ask anew."""
        for role in Role:
            self._lists.forget((scope, role))
            self._refused.pop((scope, role), None)

    @property
    def kept(self) -> int:
        """How many lists are kept."""
        return self._lists.kept


async def _ask(client: ApiClient, role: Role, at: datetime, grow: Grow) -> NameList:
    return name_list(await client.list_named(role, grow), at)


def roles_of(sync: dict[str, Any]) -> set[Role]:
    """What of a Sync, as the API server returns it, is looked up: names, and ids that were refused."""
    spec, status = sync.get("spec", {}), sync.get("status", {})
    told: Any = next((entry for entry in status.get("conditions", ()) if entry["type"] == ConditionType.REGISTERED), {})
    refused = "id" not in status and told.get("reason") == Reason.INVALID_SPEC
    return set(Role) if refused else {role for role in Role if f"{role}Ref" in spec}
