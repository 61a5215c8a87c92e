"""The request gate of one server workspace: rate limiter, circuit breaker, and slots for reconciles.

Two things are limited. A reconcile needs a slot, which it gets as a `Permit`: without a slot, the permit is refused by
`NotAdmittedError`, its key waits in a `WaitQueue`, and ``wake(key)`` adds it to the work queue when a slot is free: no
worker waits. Each request then needs a token of the `TokenBucket`, and a `CircuitBreaker` that is not open. A request
waits for its token (`TokenQueue`) for `MIN_TOKEN_WAIT` seconds, or for the time of one and a half requests where that
is longer.
"""

import logging
import math
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Final, NamedTuple

from sync_operator.api.constants import OPERATOR_SHARE
from sync_operator.errors import NotAdmittedError
from sync_operator.syncapi.flow.circuit_breaker import CallOutcome, CircuitBreaker, RequestKind
from sync_operator.syncapi.flow.gate_owners import GateOwners
from sync_operator.syncapi.flow.timers import CallLater, Timer
from sync_operator.syncapi.flow.token_bucket import TokenBucket
from sync_operator.syncapi.flow.token_queue import TokenQueue, WaitResult
from sync_operator.syncapi.flow.wait_queue import RESERVATION_TTL, WaitQueue
from sync_operator.util.durations import format_duration

__all__ = ["MIN_TOKEN_WAIT", "GateState", "RequestGate"]

_log = logging.getLogger(__name__)
MIN_TOKEN_WAIT: Final = 30.0
"""Seconds for which a request waits for its token: by then, all that hold a slot at once have had one."""
_TOKEN_WAIT_REQUESTS: Final = 1.5
"""Or for the time of so many requests: one takes 150 s at the lowest rate, which is one request a minute."""
_MIN_TIMER_SECONDS: Final = 0.05


class GateState(NamedTuple):
    """The state of a gate, for metrics.

    Attributes:
        circuit_closed: True while requests may be sent, as far as is known.
        per_minute: how many may be sent in a minute.
        calls_left: how many may be sent at once.
        waiting: requests and keys that wait.
    """

    circuit_closed: bool
    per_minute: float
    calls_left: int
    waiting: int


class RequestGate:
    """Decides when a request may be sent to one server workspace.

    Args:
        name: of the server workspace, for logs and messages.
        requests_per_minute: what it takes, by its first owner.
        max_concurrency: slots at once (bulkhead), so that a server that hangs cannot take every worker.
        clock: monotonic seconds.
        later: calls a function after some seconds.
        wake: called with what may try again: a key that waits for a slot, or an owner.
        jitter: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        name: str,
        requests_per_minute: int,
        *,
        max_concurrency: int,
        clock: Callable[[], float],
        later: CallLater,
        wake: Callable[[Hashable], None],
        jitter: Callable[[], float],
    ) -> None:
        self._name = name
        self._max_concurrency = max_concurrency
        self._clock = clock
        self._later = later
        self._wake = wake
        self._breaker = CircuitBreaker(jitter)
        self._owners = GateOwners(requests_per_minute)
        self._bucket = TokenBucket(requests_per_minute * OPERATOR_SHARE, clock())
        self._keys = WaitQueue()
        self._requests = TokenQueue(later)
        self._slots_taken = 0
        self._timer: Timer | None = None
        self._trouble, self._closed = "", False

    def register_owner(self, owner: Hashable, requests_per_minute: int) -> None:
        """Add a Workspace that uses this gate: it is woken to send trial requests, and when the circuit closes.

        Where owners ask for different rates, the lowest holds.
        """
        if self._owners.register(owner, requests_per_minute):
            self._set_rate()

    def unregister_owner(self, owner: Hashable) -> None:
        """Remove an owner; the last one's rate stays."""
        if self._owners.unregister(owner):
            self._set_rate()

    @property
    def circuit_closed(self) -> bool:
        """True while requests may be sent, as far as is known."""
        return self._breaker.closed

    @property
    def has_tripped(self) -> bool:
        """True when the circuit is open for more than a moment."""
        return self._breaker.has_tripped(self._clock())

    # Slots, which a `Permit` takes and gives back.

    def take_slot(self, key: Hashable, *, urgent: bool = False) -> None:
        """Take a slot, to be given back by `release_slot`.

        Args:
            key: what waits when there is no slot.
            urgent: it goes before all keys that are not.

        Raises:
            NotAdmittedError: there is no slot; ``wake`` is called with the key when there is one.
        """
        if not self._keys.is_reserved(key) and not self._has_room(urgent=urgent):
            self.enqueue(key, urgent=urgent)
            raise self._not_admitted(self._keys.urgent if urgent else len(self._keys))
        self._keys.remove(key)
        self._slots_taken += 1

    def redeem_slot(self, key: Hashable) -> bool:
        """Take the slot that is reserved for the key; False if none is."""
        redeemed = self._keys.redeem(key)
        self._slots_taken += redeemed
        return redeemed

    def release_slot(self) -> None:
        """Give a slot back, for the next key."""
        self._slots_taken -= 1
        self._dispatch()

    def try_enqueue(self, key: Hashable, *, deadline: float) -> bool:
        """Let a key wait that is sure to need a slot before it begins, where the wait is short.

        Args:
            key: ``wake`` is called with it when there is a slot.
            deadline: a wait that takes this many seconds or more is left to `take_slot`, which reports it.

        Returns:
            True when it waits now; False when there is a slot, it has a reservation, or the wait is longer.
        """
        if self._keys.is_reserved(key) or not self._breaker.closed or self._has_room():
            return False
        if self._bucket.time_until_available(len(self._keys) + 1, self._clock()) >= deadline:
            return False
        self.enqueue(key)
        return True

    def enqueue(self, key: Hashable, *, urgent: bool = False) -> None:
        """Let a key wait for a slot, such as one whose reconcile was stopped in the middle by `NotAdmittedError`."""
        self._keys.enqueue(key, urgent=urgent)
        self._dispatch()

    def waits(self, key: Hashable) -> bool:
        """True for a key that waits for a slot."""
        return key in self._keys

    def forget(self, key: Hashable) -> None:
        """Drop a key that no longer exists: it does not wait, and no slot is reserved for it."""
        if self._keys.remove(key):
            self._dispatch()

    # Single requests.

    async def admit_request(self) -> RequestKind:
        """Wait until a request may be sent; hand its kind back with `record_result`.

        Raises:
            NotAdmittedError: the circuit is open, or the wait takes too long.
        """
        if self._breaker.closed and (self._requests or self._bucket.available(self._clock()) < 1):
            waiter = self._requests.enqueue()
            self._dispatch()
            seconds = max(MIN_TOKEN_WAIT, _TOKEN_WAIT_REQUESTS * self._bucket.pause)
            match await self._requests.wait(waiter, seconds):
                case WaitResult.GRANTED:
                    return RequestKind.NORMAL
                case WaitResult.TIMED_OUT:
                    raise self._not_admitted(len(self._requests) + 1)
                case WaitResult.DISMISSED:
                    pass  # to be refused below, or to send the trial request
        kind = self._breaker.try_acquire(self._clock())
        if kind is None:
            raise self._not_admitted(1)
        self._bucket.consume(self._clock())
        return kind

    def record_result(
        self, kind: RequestKind, outcome: CallOutcome, retry_after: float | None = None, *, words: str = ""
    ) -> None:
        """Record how a request went.

        Args:
            kind: from `admit_request`.
            outcome: what the result says about the server.
            retry_after: the server's `Retry-After` in seconds, if any.
            words: what was wrong, for logs and messages.
        """
        before, now = self._breaker.closed, self._clock()
        if kind is RequestKind.HALF_OPEN_TRIAL:
            self._owners.trial_ended()
        self._trouble = words or self._trouble
        match outcome:
            case CallOutcome.SUCCESS:
                self._breaker.record_success(kind)
            case CallOutcome.FAILURE | CallOutcome.UNREACHABLE:
                self._breaker.record_failure(kind, now, retry_after)
            case CallOutcome.THROTTLED:
                self._breaker.record_throttled(kind, now, retry_after)
        after = self._breaker.closed
        if before != after:
            words = "answers again" if after else self._circuit_words()
            _log.log(logging.INFO if after else logging.WARNING, "%s %s", self._name, words)
            for key in tuple(self._owners) or tuple(self._keys)[:1]:
                self._wake(key)
        self._dispatch()

    def discard_result(self, kind: RequestKind) -> None:
        """Drop the result of a request that says nothing about the server: the next owner sends the trial."""
        self._breaker.release(kind)
        self._owners.trial_ended()
        self._dispatch()

    # The life of a gate.

    @property
    def state(self) -> GateState:
        """The state, for metrics."""
        per_minute = self._owners.requests_per_minute * OPERATOR_SHARE
        waiting = len(self._requests) + len(self._keys)
        return GateState(self.circuit_closed, per_minute, self._bucket.available(self._clock()), waiting)

    def limit_burst(self, requests: int) -> None:
        """Begin with no more requests than another gate has left: replaced credentials do not allow another burst."""
        self._bucket.limit_burst(requests, self._clock())

    def move_waiters(self, successor: "RequestGate") -> None:
        """Let all keys that wait here wait at another gate."""
        for key, urgent in self._keys.drain():
            successor.enqueue(key, urgent=urgent)

    def retire(self, successor: "RequestGate | None" = None) -> None:
        """Close a gate that will have no more owners: waiting requests are sent, waiting keys go to the successor."""
        self.close()
        self._requests.dismiss_all()
        if successor is not None:
            self.move_waiters(successor)

    def close(self) -> None:
        """Stop the timer, and wake nothing by time any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_rate(self) -> None:
        self._bucket.set_rate(self._owners.requests_per_minute * OPERATOR_SHARE, self._clock())
        self._dispatch()

    def _has_room(self, *, urgent: bool = False) -> bool:
        now = self._clock()
        if not self._breaker.closed:
            return self._breaker.half_open_ready(now)
        return not (self._keys.urgent if urgent else self._keys) and self._free_slots(now) > 0

    def _free_slots(self, now: float) -> int:
        """Free slots: each slot or reservation that is taken is assumed to need one more request."""
        taken = self._slots_taken + self._keys.reserved
        return min(self._bucket.available(now), self._max_concurrency) - taken

    def _dispatch(self) -> None:
        """Hand out tokens and reservations as far as rate and circuit allow."""
        now = self._clock()
        self._keys.expire(now)
        if self._breaker.closed:
            while self._requests and self._bucket.available(now):
                self._bucket.consume(now)
                self._requests.grant_next()
            if not self._requests:
                for key in self._keys.notify_next(self._free_slots(now), now):
                    self._wake(key)
        else:
            self._requests.dismiss_all()
            if self._breaker.half_open_ready(now) and self._owners.trial_is_due(now):
                self._ask_for_trial()
        self._set_timer()

    def _ask_for_trial(self) -> None:
        """Wake the next owner; where none is left, the key that has waited longest."""
        key = self._owners.next_for_trial()
        if key is None:
            key = next(iter(self._keys), None)
        if key is not None:
            self._wake(key)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        if self._closed:
            return
        if not self._breaker.closed:
            nap = self._breaker.retry_after(now) or self._owners.trial_timeout
        elif self._requests or self._keys:
            nap = self._bucket.time_until_available(1, now) or RESERVATION_TTL
        else:
            return
        self._timer = self._later(max(_MIN_TIMER_SECONDS, nap), self._dispatch)

    def _not_admitted(self, position: int) -> NotAdmittedError:
        now = self._clock()
        if not self._breaker.closed:
            words = (
                f"{self._name} {self._circuit_words()}; it is asked again from time to time, and this goes on by itself"
            )
            return NotAdmittedError(words, throttled=self._breaker.throttled, seconds=self._breaker.retry_after(now))
        seconds = self._bucket.time_until_available(position, now)
        about = format_duration(timedelta(seconds=math.ceil(seconds)))
        words = (
            f"waits for its turn, which is number {position} and comes in about {about}: {self._name} takes "
            f"{self._owners.requests_per_minute} requests a minute (spec.requestsPerMinute of its Workspace), half of "
            "it for run pods; it goes on by itself"
        )
        return NotAdmittedError(words, throttled=True, seconds=seconds, position=position)

    def _circuit_words(self) -> str:
        words = "asked for a pause" if self._breaker.throttled else "gives no usable answers"
        return f"{words} ({self._trouble})" if self._trouble else words
