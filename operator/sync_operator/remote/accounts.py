"""Users of servers and their sessions, shared by every Workspace that knows the same address and password."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sync_operator.errors import ThrottledError, TransientError, UnauthorizedError, UnreachedError
from sync_operator.remote.login import Refusals, Token, request_token
from sync_operator.remote.login_window import LoginWindow
from sync_operator.remote.transport import Exchange

__all__ = ["Account", "Accounts", "Login"]

_log = logging.getLogger(__name__)
_BETWEEN_RETAKES: Final = 60.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


class _Pause(NamedTuple):
    """How often it failed in a row, and until when it is not tried again."""

    failures: int
    until: float


class Account:
    """One user of one server: at most one session, and at most one login at a time.

    Args:
        url: of the server.
        email: of the user.
        window: how often the server may be asked to log anybody in.
        clock: the time now, for the life of tokens, which others read too.
        renewed: called whenever a login gave a new token.
        seconds: that only grow, for pauses: a step of the time of day makes none of them longer.

    Attributes:
        name: tells accounts apart and is fit for an annotation: what came out of a Secret is printed nowhere.
        url: of the server.
    """

    def __init__(
        self,
        url: str,
        email: str,
        window: LoginWindow,
        clock: Callable[[], datetime],
        renewed: Callable[["Account"], None],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"sha256:{sha256(f'{email} {url}'.encode()).hexdigest()}"
        self.url = url
        self._email = email
        self._window = window
        self._clock = clock
        self._seconds = seconds
        self._renewed = renewed
        self._lock = asyncio.Lock()
        self._refusals = Refusals()
        self._password = ""
        self._token: Token | None = None
        self._retaken_at: float | None = None
        self._pauses: dict[tuple[str, Hashable], _Pause] = {}

    def token(self, login: "Login") -> Token | None:
        """The session's token, for somebody who knows the password that it was made with."""
        return self._token if login.password == self._password else None

    def adopt(self, login: "Login", token: Token) -> None:
        """Take a token over that an earlier process got, unless a session is known already."""
        if self._token is None:
            self._password, self._token = login.password, token

    def refuse(self, login: "Login") -> None:
        """Remember that the server refused this login before, as an earlier process found out."""
        self._refusals.add(login.password, login.holder, login.version)

    def is_refused(self, login: "Login") -> bool:
        """True when this login is not tried before its Secret changes."""
        return self._refusals.holds(login.password, login.holder, login.version)

    async def ensure(self, login: "Login") -> Token:
        """A token that lives for a good while yet; logs in where there is none.

        Raises:
            SyncOperatorError: there is none, and it could not be got now.
        """
        held = self.token(login)
        if held is not None and self._clock() < held.due:
            return held  # without waiting for a login that somebody else makes
        async with self._lock:
            held, now = self.token(login), self._clock()
            if held is not None and now < held.due:
                return held
            try:
                return await self._log_in(login)
            except TransientError as error:
                if held is None or now >= held.end:
                    raise
                _log.warning("renewing a session at %s failed, it is tried again: %s", self.url, error)
                return held

    async def retake(self, login: "Login", dead: str) -> bool:
        """After a 401: True when there is another token now, from a login of somebody else or of this call.

        A session that is ended early was taken over by another login of the same user. The first time it is taken
        back at once; if that happens again and again, once a minute, since each side only ends the other's session.

        Raises:
            SyncOperatorError: there is none, and it could not be got now.
        """
        async with self._lock:
            held, now = self.token(login), self._clock()
            if held is not None and held.value != dead:
                return True
            early = held is not None and now < held.end
            since = self._seconds() - self._retaken_at if self._retaken_at is not None else _BETWEEN_RETAKES
            if since < _BETWEEN_RETAKES:
                raise UnauthorizedError(
                    "another client keeps logging in as the user of spec.auth.loginSecretRef, and each login ends the "
                    "session before; give the operator a user of its own in that Secret. Until then it logs in once a "
                    "minute",
                    retry_after=_BETWEEN_RETAKES - since,
                )
            await self._log_in(login)
            if early:
                self._retaken_at = self._seconds()
            return True

    async def _log_in(self, login: "Login") -> Token:
        self._check(login)
        asked = self._seconds()
        self._window.take(asked, self, namespace=login.namespace)
        try:
            token = await request_token(login.exchange, self._email, login.password, now=self._clock())
        except UnauthorizedError:
            self.refuse(login)
            if login.password == self._password:
                self._token = None
            raise
        except ThrottledError as error:
            self._window.pause(error.retry_after, asked)
            raise
        except UnreachedError as error:
            self._window.give_back(login.namespace)
            raise self._paused(error, ("holder", login.holder), asked) from error
        except TransientError as error:
            raise self._paused(error, ("password", login.password), asked) from error
        self._pauses.pop(("holder", login.holder), None)
        self._pauses.pop(("password", login.password), None)
        self._refusals.clear(login.password)
        self._password, self._token = login.password, token
        _log.info("logged in at %s", self.url)
        self._renewed(self)
        return token

    def _paused(self, error: TransientError, whose: tuple[str, Hashable], now: float) -> TransientError:
        """The error after which nobody of these logs in for a while.

        What the server answers concerns all who know the password, and what never reaches it that Workspace alone.
        """
        self._pauses = {key: pause for key, pause in self._pauses.items() if now < pause.until + _LONGEST_PAUSE}
        before = self._pauses.get(whose)
        failures = before.failures if before else 0
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures, 16))
        self._pauses[whose] = _Pause(failures + 1, now + pause)
        return TransientError(str(error), retry_after=pause)

    def _check(self, login: "Login") -> None:
        """Raise when no login may be made now."""
        if self.is_refused(login):
            raise UnauthorizedError(
                "POST /login was refused before, with the same password: put the right one into the Secret of "
                "spec.auth.loginSecretRef. It is not tried again before that Secret changes"
            )
        now = self._seconds()
        for whose in (("holder", login.holder), ("password", login.password)):
            pause = self._pauses.get(whose)
            if pause is not None and now < pause.until:
                raise TransientError("POST /login failed; it is tried again soon", retry_after=pause.until - now)
        renewal = self.token(login) is not None
        wait = self._window.seconds(now, self, namespace=login.namespace, renewal=renewal)
        if wait > 0:
            raise ThrottledError("POST /login waits for its turn: a server takes few at a time", retry_after=wait)


class Login:
    """One Workspace's right to an account's session: what an `Exchange` takes for a token.

    Attributes:
        exchange: how the server is asked to log in.
        password: as the Workspace's Secret holds it.
        holder: whose Secret that is.
        version: of the Secret; another one means that somebody changed it.
        namespace: of the Workspace: each has its share of the logins that a server takes.
    """

    def __init__(
        self,
        account: Account,
        exchange: Exchange,
        password: str,
        *,
        holder: Hashable,
        version: str,
        namespace: str = "",
    ) -> None:
        self.account = account
        self.exchange = exchange
        self.password = password
        self.holder = holder
        self.version = version
        self.namespace = namespace

    def __call__(self) -> str:
        """The token to send now."""
        token = self.account.token(self)
        if token is None:
            raise UnauthorizedError("there is no session on the server: the login has failed, or was not tried yet")
        return token.value

    async def renew(self, dead: str) -> bool:
        """See `Account.retake`."""
        return await self.account.retake(self, dead)


class Accounts:
    """Accounts by server and e-mail address.

    Args:
        clock: the time now.
        renewed: called with an account that has a new token.
        seconds: that only grow.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        renewed: Callable[[Account], None],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._renewed = renewed
        self._windows: dict[str, LoginWindow] = {}
        self._accounts: dict[tuple[str, str], Account] = {}

    def get(self, url: str, email: str) -> Account:
        """The account of a user of a server."""
        key = (url, email)
        if key not in self._accounts:
            self._drop_idle_windows()
            window = self._windows.setdefault(_host_of(url), LoginWindow())
            self._accounts[key] = Account(url, email, window, self._clock, self._renewed, seconds=self._seconds)
        return self._accounts[key]

    def forget(self, account: Account) -> None:
        """No Workspace uses it any more."""
        for window in self._windows.values():
            window.leave(account)
        self._accounts = {key: held for key, held in self._accounts.items() if held is not account}

    def _drop_idle_windows(self) -> None:
        """A window outlives its last account for as long as it keeps anybody waiting: else one could come anew."""
        used, now = {_host_of(url) for url, _ in self._accounts}, self._seconds()
        self._windows = {host: held for host, held in self._windows.items() if host in used or not held.idle(now)}

    @property
    def kept(self) -> int:
        """How many accounts, and servers that they are of, are kept."""
        return len(self._accounts) + len(self._windows)


def _host_of(url: str) -> str:
    return urlsplit(url).netloc.lower()
