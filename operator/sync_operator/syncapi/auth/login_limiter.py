"""Rate limiter for the logins to one server, shared fairly by namespaces. Pure: times are monotonic seconds."""

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

__all__ = ["LoginLimiter"]

_WINDOW: Final = 20.0
_LOGINS_A_WINDOW: Final = 4
"""The server accepts five in 20 s from one IP address; one is left to users behind the same address."""
MAX_LOGINS_OF_NAMESPACE: Final = 3
"""Maximum per window, for any number of accounts, so that one is left to the other namespaces."""
MAX_WAIT: Final = 60.0
"""Maximum seconds until a waiting account asks again: those before it in the queue may be gone."""
MAX_DELAY: Final = 5.0
"""Seconds for which a login stays queued if its account does not ask again in time."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A queued login.

    Attributes:
        namespace: of the Workspace.
        renewal: True for an account whose session is about to expire, False for one without a session.
        since: when it was queued.
        until: when it is dropped, unless its account asks again.
    """

    namespace: str
    renewal: bool
    since: float
    until: float


class LoginLimiter:
    """At most four logins in 20 seconds to one server, and none during a pause that it asks for.

    Namespaces with fewer recent logins go first, so that many accounts of one namespace do not keep the single account
    of another from logging in. Otherwise renewals go before first logins: Syncs depend on them.
    """

    def __init__(self) -> None:
        self._made: deque[tuple[float, str]] = deque(maxlen=_LOGINS_A_WINDOW)
        self._waiting: dict[Hashable, _Waiting] = {}
        self._paused_until = 0.0

    def reserve(self, now: float, who: Hashable = "", *, namespace: str = "", renewal: bool = False) -> float:
        """Seconds until this login may be made; 0 if it may be made now. A login that has to wait is queued.

        Args:
            now: the time.
            who: the account.
            namespace: of the Workspace that logs in.
            renewal: True if the account has a session, which is about to expire.
        """
        self._waiting = {key: entry for key, entry in self._waiting.items() if now < entry.until}
        known = self._waiting.get(who)
        since = known.since if known is not None else now
        self._waiting[who] = _Waiting(namespace, renewal, since, now + MAX_DELAY)
        wait = max(self._paused_until - now, min(MAX_WAIT, self._delay(who, now)))
        if wait <= 0:
            return 0.0
        self._waiting[who] = _Waiting(namespace, renewal, since, now + wait + MAX_DELAY)
        return wait

    def record(self, now: float, who: Hashable = "", *, namespace: str = "") -> None:
        """Record a login, and remove it from the queue."""
        self._waiting.pop(who, None)
        self._made.append((now, namespace))

    def give_back(self, namespace: str = "") -> None:
        """Remove the last login of that namespace, because it never reached the server."""
        last = next((entry for entry in reversed(self._made) if entry[1] == namespace), None)
        if last is not None:
            self._made.remove(last)

    def idle(self, now: float) -> bool:
        """True if no recorded login, pause or queued login can still delay a login."""
        made = any(now < time + _WINDOW for time, _ in self._made)
        return not made and now >= self._paused_until and all(now >= entry.until for entry in self._waiting.values())

    def cancel(self, who: Hashable) -> None:
        """Remove an account's login from the queue."""
        self._waiting.pop(who, None)

    def pause(self, seconds: float | None, now: float) -> None:
        """Allow no login for so many seconds after a 429; for one window if the server does not say how long."""
        self._paused_until = max(self._paused_until, now + (_WINDOW if seconds is None else seconds))

    def _delay(self, who: Hashable, now: float) -> float:
        """Seconds until the limit allows all logins that are queued before this one, and this one."""
        made = [(time, namespace) for time, namespace in self._made if now < time + _WINDOW]
        mine = [time for time, namespace in made if namespace == self._waiting[who].namespace]
        before = self._order(Counter(namespace for _, namespace in made)).index(who)
        free = _LOGINS_A_WINDOW - len(made)
        wait = 0.0
        if before >= free:
            rounds, index = divmod(before - free, _LOGINS_A_WINDOW)
            # Each login that leaves the window is followed by the next one of the queue.
            ends = [time + _WINDOW for time, _ in made] + [now + _WINDOW] * free
            wait = ends[index] - now + rounds * _WINDOW
        if len(mine) >= MAX_LOGINS_OF_NAMESPACE:
            wait = max(wait, mine[-MAX_LOGINS_OF_NAMESPACE] + _WINDOW - now)
        return wait

    def _order(self, lately: Counter[str]) -> list[Hashable]:
        """The queue in order: fewest recent logins of the namespace first, then renewals, then the longest wait."""
        ranked = []
        for who, entry in sorted(self._waiting.items(), key=lambda item: (not item[1].renewal, item[1].since)):
            ranked.append(((lately[entry.namespace], not entry.renewal, entry.since), who))
            lately[entry.namespace] += 1
        return [who for _, who in sorted(ranked, key=lambda entry: entry[0])]
