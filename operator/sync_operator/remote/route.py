"""One Workspace's way to its server: through traffic of its own, or through what it shares with its account.

A Workspace shares a budget and a circuit only with those who have proven to be the same account. Until its credentials
are proven, and while it cannot even reach the server (its certificate authority, its name), its calls go through
traffic of its own: what goes wrong there concerns nobody else.
"""

from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sync_operator.remote.pressure import Load, Passage, Sign
from sync_operator.remote.traffic import Traffic

__all__ = ["Route"]


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A passage, and the traffic that gave it."""

    traffic: Traffic
    passage: Passage


class Route:
    """The traffic for the calls of one client; knows which one they go through at the moment.

    Args:
        owner: the Workspace: woken to make probes, and when calls go through again.
        own: the traffic of this Workspace alone.
    """

    def __init__(self, owner: Hashable, own: Traffic) -> None:
        self._owner = owner
        self._own = own
        self._shared: Traffic | None = None
        self._limit: int | None = None
        self._owned: Traffic | None = None
        self._left: Traffic | None = None

    def share(self, shared: Traffic | None, requests_per_minute: int | None) -> None:
        """Say which traffic the Workspace shares from now on, and with which limit it owns a part of it.

        Args:
            shared: of its account; None before its credentials are proven, and when they are refused.
            requests_per_minute: None when it owns nothing: it was deleted, or is suspended.
        """
        if self._shared is not None and shared is not self._shared:
            self._left = self._shared
        self._shared, self._limit = shared, requests_per_minute
        if requests_per_minute is None:
            self._own.disown(self._owner)
        else:
            self._own.own(self._owner, requests_per_minute)
        self._settle()

    @property
    def open(self) -> bool:
        """True while calls go through, as far as is known."""
        return self._current.open

    @property
    def stopped(self) -> bool:
        """True when calls do not go through, and not only for a moment."""
        return self._current.stopped

    @property
    def load(self) -> Load:
        """How it stands with the traffic that the calls go through."""
        return self._current.load

    @contextmanager
    def admit(self, key: Hashable, *, first: bool = False) -> Iterator[None]:
        """See `Traffic.admit`.

        Raises:
            HeldBackError: not now.
        """
        with self._current.admit(key, first=first):
            yield

    def line_up(self, key: Hashable, *, longest: float) -> bool:
        """See `Traffic.line_up`."""
        return self._current.line_up(key, longest=longest)

    @contextmanager
    def arrive(self, key: Hashable) -> Iterator[bool]:
        """See `Traffic.arrive`: also for who waits since before the calls went another way."""
        with ExitStack() as stack:
            ways = [way for way in (self._own, self._shared, self._left) if way is not None]
            called = [stack.enter_context(way.arrive(key)) for way in ways]
            yield any(called)

    def park(self, key: Hashable, *, first: bool = False) -> None:
        """See `Traffic.park`."""
        self._current.park(key, first=first)

    async def turn(self) -> _Ticket:
        """Wait until a call may go out; give the ticket back with `answered`.

        Raises:
            HeldBackError: not in the foreseeable future.
        """
        traffic = self._current
        return _Ticket(traffic, await traffic.turn())

    def answered(self, ticket: _Ticket, sign: Sign, wish: float | None = None, *, words: str = "") -> None:
        """Tell how a call went; see `Traffic.answered`."""
        if ticket.traffic is self._own:
            self._own.answered(ticket.passage, sign, wish, words=words)
        elif sign is Sign.UNREACHED:
            ticket.traffic.withdraw(ticket.passage)
            self._own.answered(Passage.CALL, sign, wish, words=words)
        else:
            ticket.traffic.answered(ticket.passage, sign, wish, words=words)
            self._own.answered(Passage.CALL, Sign.GOOD)
        self._settle()

    @property
    def _current(self) -> Traffic:
        return self._shared if self._shared is not None and self._own.open else self._own

    def _settle(self) -> None:
        """Own a part of the shared traffic while the calls go through it, and of no other."""
        current = self._current
        owned = current if current is not self._own and self._limit is not None else None
        if self._owned is not None and self._owned is not owned:
            self._owned.disown(self._owner)
        if owned is not None and self._limit is not None:
            owned.own(self._owner, self._limit)
        self._owned = owned
        if current is not self._own:
            self._own.hand_over(current)
