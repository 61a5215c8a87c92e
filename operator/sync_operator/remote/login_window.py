"""How often a server may be asked to log somebody in, and whose turn it is. Pure: times are seconds that only grow."""

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

__all__ = ["LoginWindow"]

_WINDOW: Final = 20.0
_LOGINS_A_WINDOW: Final = 4
"""The server takes five in 20 s from one address; one is left to people behind the same address."""
MAX_LOGINS_OF_NAMESPACE: Final = 3
"""In one window: with any number of accounts, one is left to the others."""
MAX_WAIT: Final = 60.0
"""Seconds after which whoever waits asks again at the latest: those before it may be gone."""
MAX_DELAY: Final = 5.0
"""Seconds for which a turn is kept for somebody who does not ask again when it comes."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Somebody who wants to log in.

    Attributes:
        namespace: of the Workspace.
        renewal: True for an account whose session is about to end, False for one that has none.
        since: when it first asked.
        until: when it is given up, unless it asks again.
    """

    namespace: str
    renewal: bool
    since: float
    until: float


class LoginWindow:
    """At most four logins in 20 seconds to one server, and a pause where it asks for one.

    Namespaces take turns, so that the many accounts of one do not keep the one of another from logging in. Among those
    whose turn it is, renewals go before first logins: Syncs depend on them.
    """

    def __init__(self) -> None:
        self._made: deque[tuple[float, str]] = deque(maxlen=_LOGINS_A_WINDOW)
        self._waiting: dict[Hashable, _Waiting] = {}
        self._paused_until = 0.0

    def seconds(self, now: float, who: Hashable = "", *, namespace: str = "", renewal: bool = False) -> float:
        """Seconds until this login may be made; 0 when it is its turn. Who is told to wait is remembered.

        Args:
            now: the time.
            who: the account.
            namespace: of the Workspace that wants it.
            renewal: True when the account has a session, which is about to end.
        """
        self._waiting = {key: entry for key, entry in self._waiting.items() if now < entry.until}
        known = self._waiting.get(who)
        since = known.since if known is not None else now
        self._waiting[who] = _Waiting(namespace, renewal, since, now + MAX_DELAY)
        wait = max(self._paused_until - now, min(MAX_WAIT, self._seconds(who, now)))
        if wait <= 0:
            return 0.0
        self._waiting[who] = _Waiting(namespace, renewal, since, now + wait + MAX_DELAY)
        return wait

    def take(self, now: float, who: Hashable = "", *, namespace: str = "") -> None:
        """A login is made."""
        self._waiting.pop(who, None)
        self._made.append((now, namespace))

    def give_back(self, namespace: str = "") -> None:
        """The last login of that namespace never reached the server."""
        last = next((entry for entry in reversed(self._made) if entry[1] == namespace), None)
        if last is not None:
            self._made.remove(last)

    def idle(self, now: float) -> bool:
        """True when nothing is remembered that could still keep a login waiting."""
        made = any(now < time + _WINDOW for time, _ in self._made)
        return not made and now >= self._paused_until and all(now >= entry.until for entry in self._waiting.values())

    def leave(self, who: Hashable) -> None:
        """Somebody does not want to log in any more."""
        self._waiting.pop(who, None)

    def pause(self, seconds: float | None, now: float) -> None:
        """The server answered 429."""
        self._paused_until = max(self._paused_until, now + (_WINDOW if seconds is None else seconds))

    def _seconds(self, who: Hashable, now: float) -> float:
        """Seconds until as many logins are free as there are before this one, and this one."""
        made = [(time, namespace) for time, namespace in self._made if now < time + _WINDOW]
        mine = [time for time, namespace in made if namespace == self._waiting[who].namespace]
        before = self._order(Counter(namespace for _, namespace in made)).index(who)
        free = _LOGINS_A_WINDOW - len(made)
        wait = 0.0
        if before >= free:
            rounds, place = divmod(before - free, _LOGINS_A_WINDOW)
            # The logins of those before will stand where today's are.
            ends = [time + _WINDOW for time, _ in made] + [now + _WINDOW] * free
            wait = ends[place] - now + rounds * _WINDOW
        if len(mine) >= MAX_LOGINS_OF_NAMESPACE:
            wait = max(wait, mine[-MAX_LOGINS_OF_NAMESPACE] + _WINDOW - now)
        return wait

    def _order(self, lately: Counter[str]) -> list[Hashable]:
        """Those who wait, in the order of their turns: who has had fewer, renewals, who waits longer."""
        ranked = []
        for who, entry in sorted(self._waiting.items(), key=lambda item: (not item[1].renewal, item[1].since)):
            ranked.append(((lately[entry.namespace], not entry.renewal, entry.since), who))
            lately[entry.namespace] += 1
        return [who for _, who in sorted(ranked, key=lambda entry: entry[0])]
