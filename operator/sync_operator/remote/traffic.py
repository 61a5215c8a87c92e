"""The traffic to one server workspace: every call in its turn, and a line of those whose turn has not come.

Two gates, both by `pressure`. `admit` is passed once for a piece of work (all calls of one reconcile step). Who is not
admitted is told so at once, keeps a place in the line, and is called with ``wake`` when its turn comes: nobody tries
again by itself, and no worker waits. `turn` is passed by every single call; work that was admitted waits there for the
budget, so that it is not done by halves: for `MIN_TURN_SECONDS`, or the time of a call and a half where that is longer.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from sync_operator.durations import format_duration
from sync_operator.errors import HeldBackError
from sync_operator.remote.line import CALL_LIFE, Line
from sync_operator.remote.pressure import Budget, Circuit, Load, Passage, Sign
from sync_operator.remote.timers import Later, Timer

__all__ = ["MIN_TURN_SECONDS", "Traffic"]

_log = logging.getLogger(__name__)
_SHARE: Final = 0.5
"""The operator's part of the requests a minute; run pods, which keep no common count, have the rest."""
MIN_TURN_SECONDS: Final = 30.0
"""Seconds for which a call waits for its turn: by then, all that are let in at once have had one."""
_TURN_CALLS: Final = 1.5
"""Or for the time of so many calls: one takes 150 s at one request a minute, which is the least."""
_SHORTEST_NAP: Final = 0.05
_PROBE_REMINDER: Final = 60.0
_MIN_PATIENCE: Final = 5.0


class Traffic:
    """The traffic to one server workspace.

    Args:
        name: of the server workspace, for logs and messages.
        requests_per_minute: what it takes, by its first owner.
        most_inside: pieces of work that may be under way at once, so that a hanging server cannot take every worker.
        clock: seconds that only grow.
        later: calls a function after some seconds.
        wake: called with who may try again: a key given to `admit`, or an owner.
        jitter: a number from 0 to 1, at random.
    """

    def __init__(
        self,
        name: str,
        requests_per_minute: int,
        *,
        most_inside: int,
        clock: Callable[[], float],
        later: Later,
        wake: Callable[[Hashable], None],
        jitter: Callable[[], float],
    ) -> None:
        self._name = name
        self._most_inside = most_inside
        self._clock = clock
        self._later = later
        self._wake = wake
        self._circuit = Circuit(jitter)
        self._limit = requests_per_minute
        self._budget = Budget(requests_per_minute * _SHARE, clock())
        self._limits: dict[Hashable, int] = {}
        self._line = Line()
        self._inside = 0
        self._waiting: deque[asyncio.Future[bool | None]] = deque()
        self._timer: Timer | None = None
        self._trouble, self._closed = "", False
        self._asked_at: float | None = None

    def own(self, owner: Hashable, requests_per_minute: int) -> None:
        """Name somebody who looks after the connection: it is woken to make probes, and when calls go through again.

        Where owners name different limits, the lowest holds.
        """
        if self._limits.get(owner) != requests_per_minute:
            self._limits[owner] = requests_per_minute
            self._set_budget()

    def disown(self, owner: Hashable) -> None:
        """The owner is gone; the last one's limit holds on."""
        if self._limits.pop(owner, None) is not None and self._limits:
            self._set_budget()

    @property
    def open(self) -> bool:
        """True while calls go through, as far as is known."""
        return self._circuit.closed

    @property
    def stopped(self) -> bool:
        """True when calls do not go through, and not only for a moment."""
        return self._circuit.stopped(self._clock())

    @contextmanager
    def admit(self, key: Hashable, *, first: bool = False) -> Iterator[None]:
        """Let one piece of work in; its calls still wait for their turns.

        Args:
            key: whose work it is.
            first: it goes before all who are not.

        Raises:
            HeldBackError: not now; ``wake`` is called with the key when it is worth trying again.
        """
        if not self._has_room(first=first):
            self.park(key, first=first)
            raise self._held(self._line.urgent if first else len(self._line))
        self._line.leave(key)
        with self._work():
            yield

    def line_up(self, key: Hashable, *, longest: float) -> bool:
        """Let somebody who is sure to need admission wait for it from the start, where that does not take long.

        Args:
            key: is called with ``wake`` when its turn comes.
            longest: seconds for which waiting is nothing to be told of.

        Returns:
            True when it stands in the line now; False when there is room, its turn has come, or the wait is longer.
        """
        if self._line.is_called(key) or not self._circuit.closed or self._has_room():
            return False
        if self._budget.seconds(len(self._line) + 1, self._clock()) >= longest:
            return False
        self.park(key)
        return True

    @contextmanager
    def arrive(self, key: Hashable) -> Iterator[bool]:
        """Let somebody in who was called, whether it needs the server still or not; False for all others."""
        if self._line.arrived(key):
            with self._work():
                yield True
        else:
            yield False

    @contextmanager
    def _work(self) -> Iterator[None]:
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._serve()

    def park(self, key: Hashable, *, first: bool = False) -> None:
        """Put somebody into the line: by itself one whose work was held back in the middle."""
        self._line.join(key, first=first)
        self._serve()

    async def turn(self) -> Passage:
        """Wait until a call may go out; give the passage back with `answered`.

        Raises:
            HeldBackError: not in the foreseeable future.
        """
        if self._circuit.closed and (self._waiting or self._budget.available(self._clock()) < 1):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            self._serve()
            seconds = max(MIN_TURN_SECONDS, _TURN_CALLS * self._budget.pause)
            timer = self._later(seconds, partial(self._give_up, place))
            try:
                paid = await place
            finally:
                timer.cancel()
                if place in self._waiting:  # cancelled
                    self._waiting.remove(place)
            if paid:
                return Passage.CALL
            if paid is None:
                raise self._held(len(self._waiting) + 1)
        passage = self._circuit.pass_through(self._clock())
        if passage is None:
            raise self._held(1)
        self._budget.take(self._clock())
        return passage

    def answered(self, passage: Passage, sign: Sign, wish: float | None = None, *, words: str = "") -> None:
        """Tell how a call went.

        Args:
            passage: from `turn`.
            sign: what it says about the server.
            wish: the server's `Retry-After`, if any.
            words: what was wrong, for people.
        """
        before, now = self._circuit.closed, self._clock()
        self._asked_at = None if passage is Passage.PROBE else self._asked_at
        self._trouble = words or self._trouble
        match sign:
            case Sign.GOOD:
                self._circuit.succeeded(passage)
            case Sign.BAD | Sign.UNREACHED:
                self._circuit.failed(passage, now, wish)
            case Sign.THROTTLED:
                self._circuit.asked_to_wait(passage, now, wish)
        after = self._circuit.closed
        if before != after:
            words = "answers again" if after else self._state()
            _log.log(logging.INFO if after else logging.WARNING, "%s %s", self._name, words)
            self._wake_owners()
        self._serve()

    def withdraw(self, passage: Passage) -> None:
        """Give a passage back that says nothing about the server: the next owner makes the probe."""
        self._circuit.withdraw(passage)
        self._asked_at = None
        self._serve()

    def hand_over(self, other: "Traffic") -> None:
        """Let those who stand in the line stand in another's line."""
        for key in list(self._line):
            first = self._line.is_urgent(key)
            self._line.leave(key)
            other.park(key, first=first)

    @property
    def load(self) -> Load:
        """How it stands."""
        free, waiting = self._budget.available(self._clock()), len(self._waiting) + len(self._line)
        return Load(self.open, self._limit * _SHARE, free, waiting)

    def cut(self, calls: int) -> None:
        """Begin with no more calls than are left elsewhere: a token that was replaced brings no further ones."""
        self._budget.cut(calls, self._clock())

    def retire(self, successor: "Traffic | None" = None) -> None:
        """Nobody owns it any more, and nobody will: calls that still wait in it go out, the line goes elsewhere."""
        self.close()
        while self._waiting:
            self._release(paid=False)
        if successor is not None:
            self.hand_over(successor)

    def close(self) -> None:
        """Call nobody any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_budget(self) -> None:
        self._limit = min(self._limits.values())
        self._budget.limit(self._limit * _SHARE, self._clock())
        self._serve()

    def _give_up(self, place: asyncio.Future[bool | None]) -> None:
        """A call has waited for too long."""
        if place in self._waiting:
            self._waiting.remove(place)
            place.set_result(None)

    def _has_room(self, *, first: bool = False) -> bool:
        now = self._clock()
        if not self._circuit.closed:
            return self._circuit.due(now)
        return not (self._line.urgent if first else self._line) and self._free(now) > 0

    def _free(self, now: float) -> int:
        """Pieces of work that may come in: each one inside or on its way is taken to need one more call."""
        taken = self._inside + self._line.called
        return min(self._budget.available(now), self._most_inside) - taken

    def _serve(self) -> None:
        """Let calls and work through as far as they may."""
        now = self._clock()
        self._line.give_up(now)
        if self._circuit.closed:
            while self._waiting and self._budget.available(now):
                self._budget.take(now)
                self._release(paid=True)
            if not self._waiting:
                for key in self._line.call(self._free(now), now):
                    self._wake(key)
        else:
            while self._waiting:
                self._release(paid=False)
            if self._circuit.due(now):
                self._ask_for_probe(now)
        self._set_timer()

    def _release(self, *, paid: bool) -> None:
        place = self._waiting.popleft()
        if not place.done():
            place.set_result(paid)

    def _wake_owners(self) -> None:
        """All owners; where none is left, whoever has waited longest."""
        for key in list(self._limits) or list(self._line)[:1]:
            self._wake(key)

    def _ask_for_probe(self, now: float) -> None:
        """Wake the next owner in turn, and give it time to make the probe: none of them makes all of them."""
        if self._asked_at is not None and now < self._asked_at + self._patience:
            return
        self._asked_at = now
        owner = next(iter(self._limits), None)
        if owner is None:
            self._wake_owners()
            return
        self._limits[owner] = self._limits.pop(owner)
        self._wake(owner)

    @property
    def _patience(self) -> float:
        """Seconds that an owner has for a probe before the next one is asked."""
        return max(_MIN_PATIENCE, _PROBE_REMINDER / max(1, len(self._limits)))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        if self._closed:
            return
        if not self._circuit.closed:
            nap = self._circuit.seconds(now) or self._patience
        elif self._waiting or self._line:
            nap = self._budget.seconds(1, now) or CALL_LIFE
        else:
            return
        self._timer = self._later(max(_SHORTEST_NAP, nap), self._serve)

    def _held(self, place: int) -> HeldBackError:
        now = self._clock()
        if not self._circuit.closed:
            words = f"{self._name} {self._state()}; it is asked again from time to time, and this goes on by itself"
            return HeldBackError(words, throttled=self._circuit.throttled, seconds=self._circuit.seconds(now))
        seconds = self._budget.seconds(place, now)
        about = format_duration(timedelta(seconds=math.ceil(seconds)))
        words = (
            f"waits for its turn, which is number {place} and comes in about {about}: {self._name} takes {self._limit} "
            "requests a minute (spec.requestsPerMinute of its Workspace), half of it for run pods; it goes on by itself"
        )
        return HeldBackError(words, throttled=True, seconds=seconds)

    def _state(self) -> str:
        words = "asked for a pause" if self._circuit.throttled else "gives no usable answers"
        return f"{words} ({self._trouble})" if self._trouble else words
