"""A reconcile's permit to call its server, and the route of its Workspace: which request gate its requests pass.

That is its own gate, or the one that it shares with all Workspaces of its account.

A Workspace shares a rate and a circuit only with those whose credentials are verified to be of the same account. Until
its own are, and while it cannot reach the server at all (certificate authority, name), its requests pass a gate of its
own: what goes wrong there affects no other Workspace.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sync_operator.errors import NotAdmittedError, SyncOperatorError, ThrottledError
from sync_operator.syncapi.flow.circuit_breaker import CallOutcome, RequestKind
from sync_operator.syncapi.flow.request_gate import RequestGate

__all__ = ["Permit", "Route"]


@dataclass(frozen=True, slots=True)
class _Admission:
    """A request that may be sent, and the gate that admitted it."""

    gate: RequestGate
    kind: RequestKind


class Route:
    """The gate that one client's requests pass at the moment.

    Args:
        owner: the Workspace: woken to send trial requests, and when the circuit closes.
        own: the gate of this Workspace alone.
    """

    def __init__(self, owner: Hashable, own: RequestGate) -> None:
        self._owner = owner
        self._own = own
        self._shared: RequestGate | None = None
        self._limit: int | None = None
        self._owned: RequestGate | None = None
        self._left: RequestGate | None = None

    def share(self, shared: RequestGate | None, requests_per_minute: int | None) -> None:
        """Set the gate that the Workspace shares, and the rate that it asks for.

        Args:
            shared: of its account; None before its credentials are verified, and when they are rejected.
            requests_per_minute: None when it is not an owner: it was deleted, or is suspended.
        """
        if self._shared is not None and shared is not self._shared:
            self._left = self._shared
        self._shared, self._limit = shared, requests_per_minute
        if requests_per_minute is None:
            self._own.unregister_owner(self._owner)
        else:
            self._own.register_owner(self._owner, requests_per_minute)
        self._settle()

    @property
    def gate(self) -> RequestGate:
        """The gate that the requests pass at the moment."""
        return self._shared if self._shared is not None and self._own.circuit_closed else self._own

    @property
    def gates(self) -> tuple[RequestGate, ...]:
        """The gates where a key of the Workspace may wait: also those that the requests passed before."""
        return tuple(gate for gate in (self._own, self._shared, self._left) if gate is not None)

    def forget(self, key: Hashable) -> None:
        """Drop a key that no longer exists; see `RequestGate.forget`."""
        for gate in self.gates:
            gate.forget(key)

    async def admit_request(self) -> _Admission:
        """Wait until a request may be sent; hand the admission back with `record_result`.

        Raises:
            NotAdmittedError: the circuit is open, or the wait takes too long.
        """
        gate = self.gate
        return _Admission(gate, await gate.admit_request())

    def record_result(
        self, admission: _Admission, outcome: CallOutcome, retry_after: float | None = None, *, words: str = ""
    ) -> None:
        """Record how a request went; see `RequestGate.record_result`."""
        if admission.gate is self._own:
            self._own.record_result(admission.kind, outcome, retry_after, words=words)
        elif outcome is CallOutcome.UNREACHABLE:
            admission.gate.discard_result(admission.kind)
            self._own.record_result(RequestKind.NORMAL, outcome, retry_after, words=words)
        else:
            admission.gate.record_result(admission.kind, outcome, retry_after, words=words)
            self._own.record_result(RequestKind.NORMAL, CallOutcome.SUCCESS)
        self._settle()

    def _settle(self) -> None:
        """Be an owner of the shared gate while the requests pass it, and of no other."""
        current = self.gate
        owned = current if current is not self._own and self._limit is not None else None
        if self._owned is not None and self._owned is not owned:
            self._owned.unregister_owner(self._owner)
        if owned is not None and self._limit is not None:
            owned.register_owner(self._owner, self._limit)
        self._owned = owned
        if current is not self._own:
            self._own.move_waiters(current)


class Permit:
    """A permit to call one server, for one reconcile of one key.

    ``async with`` takes the slot that is reserved for the key, if it was woken by the gate, whether the reconcile needs
    it or not; and gives back at the end what is still held. `acquire` takes a slot before the first request, and never
    waits: a permit that is refused ends the reconcile, and the gate wakes the key. `release` gives it back as soon as
    only the cluster is needed: a server has fewer slots than there are workers, and one that is held idle keeps another
    key from the server.

    Args:
        route: returns the route of the requests at present; None while there is none, and then nothing is limited.
        key: what the permit is for; it waits at the gate while the permit is refused.
        urgent: it goes before all keys that are not.
        deadline: longest wait, in seconds, that is not reported in a status.

    Attributes:
        was_granted: True once the permit was held, also after its release.
    """

    def __init__(
        self, route: Callable[[], Route | None], key: Hashable, *, deadline: float, urgent: bool = False
    ) -> None:
        self._route = route
        self._key = key
        self._urgent = urgent
        self._deadline = deadline
        self._held = False
        self._slots: list[RequestGate] = []
        self.was_granted = False

    async def __aenter__(self) -> Self:
        """Take the slot that is reserved for the key, if any; it may be of a gate that the requests passed before."""
        route = self._route()
        if route is not None:
            self._slots += [gate for gate in route.gates if gate.redeem_slot(self._key)]
        self._held = self.was_granted = bool(self._slots)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Release the permit if it is still held."""
        self.release()

    def try_enqueue(self) -> bool:
        """Wait for a slot before the reconcile begins, if there is none and the wait is shorter than the deadline.

        For a key that is sure to need the server: what it reads before the wait would be stale after it.

        Returns:
            True if the key waits; False if it is to be reconciled now.
        """
        route = self._route()
        return route is not None and route.gate.try_enqueue(self._key, deadline=self._deadline)

    def acquire(self) -> None:
        """Take a slot, unless the permit is held already.

        Raises:
            NotAdmittedError: there is no slot; it says why, and when there is one. The key waits for it.
        """
        if self._held:
            return
        route = self._route()
        if route is not None:
            gate = route.gate
            gate.take_slot(self._key, urgent=self._urgent)
            self._slots.append(gate)
        self._held = self.was_granted = True

    def release(self) -> None:
        """Give the slot back, for the next key."""
        self._held = False
        while self._slots:
            self._slots.pop().release_slot()

    def wait_again(self, error: SyncOperatorError) -> None:
        """Let the key wait for another slot, if the error means that its requests have to wait.

        Those are a request that the gate did not admit, and a 429 by which the server has opened the circuit.
        """
        route = self._route()
        if route is None:
            return
        if isinstance(error, NotAdmittedError) or (isinstance(error, ThrottledError) and not route.gate.circuit_closed):
            route.gate.enqueue(self._key, urgent=self._urgent)

    def ends_soon(self, error: NotAdmittedError) -> bool:
        """True if the wait by this refusal ends before the deadline, so that no status reports it."""
        return error.seconds < self._deadline
