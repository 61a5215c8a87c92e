"""Which Workspaces share traffic: those whose credentials are proven to be of the same account."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sync_operator.handlers.queue import Key
from sync_operator.model.scope import Scope
from sync_operator.model.workspace import Place
from sync_operator.remote.route import Route
from sync_operator.remote.traffic import Traffic

__all__ = ["Routes"]


@dataclass(slots=True)
class _Shared:
    """The traffic of one scope, and the Workspaces that are in it."""

    traffic: Traffic
    users: set[Key] = field(default_factory=set)


@dataclass(slots=True)
class _Held:
    """The route that a Workspace's Syncs use, and the scope it is in."""

    route: Route
    scope: Scope | None = None


class Routes:
    """The traffic of every Workspace and of every scope. All of it is given back with the last who uses it.

    Args:
        make: makes the traffic to a place, for so many requests a minute.
    """

    def __init__(self, make: Callable[[Place, int], Traffic]) -> None:
        self._make = make
        self._own: dict[Key, tuple[Place, Traffic]] = {}
        self._held: dict[Key, _Held] = {}
        self._shared: dict[Scope, _Shared] = {}

    def begin(self, owner: Key, place: Place, requests_per_minute: int | None) -> Route:
        """A route for new credentials of a Workspace, which have yet to be proven.

        Args:
            owner: the Workspace.
            place: where it goes.
            requests_per_minute: None for a Workspace that is suspended.
        """
        where, own = self._own.get(owner, (None, None))
        if own is None or where != place:
            if own is not None:
                own.retire()
            own = self._make(place, requests_per_minute or 1)
            self._own[owner] = place, own
        route = Route(owner, own)
        route.share(None, requests_per_minute)
        return route

    def keep(self, owner: Key, route: Route, scope: Scope | None, requests_per_minute: int | None) -> None:
        """Let the Workspace's Syncs use this route.

        Args:
            owner: the Workspace.
            route: from `begin`.
            scope: which the credentials are proven for; None when they are not.
            requests_per_minute: None when it owns no part of the traffic: it is suspended, or was deleted.
        """
        held = self._held.get(owner)
        before = held.scope if held is not None else None
        if held is not None and held.route is not route:
            held.route.share(None, None)
        if before is not None and before != scope:
            self._leave(owner, before, scope)
        self._held[owner] = _Held(route, scope)
        if scope is None:
            route.share(None, requests_per_minute)
            return
        if scope not in self._shared:
            self._shared[scope] = _Shared(self._make(scope.place, requests_per_minute or 1))
            left = self._shared.get(before) if before is not None else None
            if left is not None:
                self._shared[scope].traffic.cut(left.traffic.load.calls_left)
        self._shared[scope].users.add(owner)
        route.share(self._shared[scope].traffic, requests_per_minute)

    def limit(self, owner: Key, requests_per_minute: int | None) -> None:
        """The Workspace owns another part from now on: None for nothing, because it was deleted or is suspended."""
        held = self._held.get(owner)
        if held is not None:
            self.keep(owner, held.route, held.scope, requests_per_minute)

    def forget(self, owner: Key) -> None:
        """Nobody needs the Workspace's route any more."""
        held = self._held.get(owner)
        if held is not None:
            self.keep(owner, held.route, None, None)
            del self._held[owner]
        _, own = self._own.pop(owner, (None, None))
        if own is not None:
            own.retire()

    @property
    def kept(self) -> int:
        """How many traffics are held."""
        return len(self._own) + len(self._shared)

    def close(self) -> None:
        """Wake nobody any more."""
        for _, own in self._own.values():
            own.close()
        for shared in self._shared.values():
            shared.traffic.close()

    def _leave(self, owner: Key, scope: Scope, towards: Scope | None) -> None:
        """Take a Workspace out of a scope.

        The last one takes the traffic along to where nobody is yet: a token that was replaced changes nothing about
        what the server was asked lately, nor about a pause that it asked for.
        """
        shared = self._shared[scope]
        shared.users.discard(owner)
        if shared.users:
            return
        del self._shared[scope]
        if towards is not None and towards.place == scope.place and towards not in self._shared:
            self._shared[towards] = shared
            return
        known = self._shared.get(towards) if towards is not None else None
        shared.traffic.retire(known.traffic if known else self._own[owner][1])
