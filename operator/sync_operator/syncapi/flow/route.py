"""Which gate a Workspace's requests pass: its own, or the one that it shares with all Workspaces of its account.

A Workspace shares a rate and a circuit only with those whose credentials are verified to be of the same account. Until
its own are, and while it cannot reach the server at all (certificate authority, name), its requests pass a gate of its
own: what goes wrong there affects no other Workspace.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from sync_operator.syncapi.flow.circuit_breaker import CallOutcome, RequestKind
from sync_operator.syncapi.flow.request_gate import RequestGate

__all__ = ["Route"]


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
