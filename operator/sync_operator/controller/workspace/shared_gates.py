"""Which Workspaces share a request gate: those whose credentials are verified to be of the same account."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.api.scope import Scope
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.syncapi.flow.permit import Route
from sync_operator.syncapi.flow.request_gate import RequestGate

__all__ = ["GateRegistry"]


@dataclass(slots=True)
class _Shared:
    """The request gate of one scope, and the Workspaces that use it."""

    gate: RequestGate
    users: set[Key] = field(default_factory=set)


@dataclass(slots=True)
class _Current:
    """The route that a Workspace's Syncs use, and the Workspace's scope."""

    route: Route
    scope: Scope | None = None


class GateRegistry:
    """The request gates of all Workspaces and scopes. A gate is dropped with the last Workspace that uses it.

    Args:
        make: makes the gate of a remote workspace, for a number of requests per minute.
    """

    def __init__(self, make: Callable[[RemoteWorkspace, int], RequestGate]) -> None:
        self._make = make
        self._own: dict[Key, tuple[RemoteWorkspace, RequestGate]] = {}
        self._current: dict[Key, _Current] = {}
        self._shared: dict[Scope, _Shared] = {}

    def make_route(self, owner: Key, remote_workspace: RemoteWorkspace, requests_per_minute: int | None) -> Route:
        """A route for new credentials of a Workspace, which are not verified yet.

        Args:
            owner: the Workspace.
            remote_workspace: the server workspace that it leads to.
            requests_per_minute: the rate that the Workspace asks for; None if it is suspended.
        """
        where, own = self._own.get(owner, (None, None))
        if own is None or where != remote_workspace:
            if own is not None:
                own.retire()
            own = self._make(remote_workspace, requests_per_minute or 1)
            self._own[owner] = remote_workspace, own
        route = Route(owner, own)
        route.share(None, requests_per_minute)
        return route

    def set_route(self, owner: Key, route: Route, scope: Scope | None, requests_per_minute: int | None) -> None:
        """Set the route that the Workspace's Syncs use.

        Args:
            owner: the Workspace.
            route: a route from `begin`.
            scope: the scope that the credentials are verified for; None if they are not verified.
            requests_per_minute: the rate that the Workspace asks for; None if it is suspended or was deleted.
        """
        held = self._current.get(owner)
        before = held.scope if held is not None else None
        if held is not None and held.route is not route:
            held.route.share(None, None)
        if before is not None and before != scope:
            self._leave_scope(owner, before, scope)
        self._current[owner] = _Current(route, scope)
        if scope is None:
            route.share(None, requests_per_minute)
            return
        if scope not in self._shared:
            self._shared[scope] = _Shared(self._make(scope.remote_workspace, requests_per_minute or 1))
            left = self._shared.get(before) if before is not None else None
            if left is not None:
                self._shared[scope].gate.limit_burst(left.gate.state.calls_left)
        self._shared[scope].users.add(owner)
        route.share(self._shared[scope].gate, requests_per_minute)

    def set_rate(self, owner: Key, requests_per_minute: int | None) -> None:
        """Change the rate that the Workspace asks for; None if it was deleted or is suspended."""
        held = self._current.get(owner)
        if held is not None:
            self.set_route(owner, held.route, held.scope, requests_per_minute)

    def forget(self, owner: Key) -> None:
        """Drop the Workspace's route and gate."""
        held = self._current.get(owner)
        if held is not None:
            self.set_route(owner, held.route, None, None)
            del self._current[owner]
        _, own = self._own.pop(owner, (None, None))
        if own is not None:
            own.retire()

    @property
    def entry_count(self) -> int:
        """Number of gates held."""
        return len(self._own) + len(self._shared)

    def close(self) -> None:
        """Close all gates: they wake no key any more."""
        for _, own in self._own.values():
            own.close()
        for shared in self._shared.values():
            shared.gate.close()

    def _leave_scope(self, owner: Key, scope: Scope, towards: Scope | None) -> None:
        """Remove a Workspace from a scope.

        The last one takes the gate along to a new scope that has none yet: a replaced token changes neither the
        requests that the server has received lately, nor a pause that it asked for.
        """
        shared = self._shared[scope]
        shared.users.discard(owner)
        if shared.users:
            return
        del self._shared[scope]
        if towards is not None and towards.remote_workspace == scope.remote_workspace and towards not in self._shared:
            self._shared[towards] = shared
            return
        known = self._shared.get(towards) if towards is not None else None
        shared.gate.retire(known.gate if known else self._own[owner][1])
