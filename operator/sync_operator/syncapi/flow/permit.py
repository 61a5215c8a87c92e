"""A key's permit to call its server during one reconcile: a slot of the request gate that its requests pass."""

from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Self

from sync_operator.errors import NotAdmittedError, SyncOperatorError, ThrottledError
from sync_operator.syncapi.flow.request_gate import RequestGate
from sync_operator.syncapi.flow.route import Route

__all__ = ["Permit"]


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
