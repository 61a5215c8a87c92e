"""Lists of connectors and models by name: asked for once a workspace and period, however many Syncs use names."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from sync_operator.decide.names import NameList, Names, name_list
from sync_operator.handlers.shared import Shared
from sync_operator.model.scope import Scope
from sync_operator.remote.client import ApiClient
from sync_operator.remote.types import Role

__all__ = ["NameLists", "roles_of"]


class NameLists:
    """The last list of each role in each scope."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._lists: Shared[tuple[Scope, Role], NameList] = Shared(clock)

    async def fetch(self, scope: Scope, client: ApiClient, roles: Iterable[Role], *, since: datetime) -> Names:
        """Lists that were asked for at or after ``since``: those held that are young enough, and new ones.

        Raises:
            SyncOperatorError: the server did not give one.
        """
        for role in roles:
            await self._lists.fetch((scope, role), partial(_ask, client, role), since=since)
        return self.seen(scope)

    def seen(self, scope: Scope) -> Names:
        """The lists as they are known."""
        return {role: held for role in Role if (held := self._lists.get((scope, role))) is not None}

    def forget(self, scope: Scope) -> None:
        """One who asked about that scope is gone; others who may be there ask anew."""
        for role in Role:
            self._lists.forget((scope, role))

    @property
    def kept(self) -> int:
        """How many lists are kept."""
        return self._lists.kept


async def _ask(client: ApiClient, role: Role, at: datetime) -> NameList:
    return name_list(await client.list_named(role), at)


def roles_of(sync: dict[str, Any]) -> set[Role]:
    """What a Sync, as the API server returns it, gives by name."""
    spec = sync.get("spec", {})
    return {role for role in Role if f"{role}Ref" in spec}
