"""Login sessions, shared by every Workspace with the same server, e-mail address and password."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sync_operator.errors import ThrottledError, TransientError, UnauthorizedError, UnreachableError
from sync_operator.syncapi.auth.login import RejectedCredentials, Token, request_token
from sync_operator.syncapi.auth.login_limiter import LoginLimiter
from sync_operator.syncapi.http.server_client import ServerClient

__all__ = ["LoginSession", "LoginSessions", "TokenSource"]

_log = logging.getLogger(__name__)
_MIN_REAUTHENTICATION_INTERVAL: Final = 60.0
_MIN_PAUSE: Final = 1.0
_MAX_PAUSE: Final = 60.0


class _Pause(NamedTuple):
    """Backoff: the number of consecutive failures, and the time before which there is no other attempt."""

    failures: int
    until: float


class LoginSession:
    """One user of one server: at most one session, and at most one login at a time.

    Args:
        url: of the server.
        email: of the user.
        limiter: rate limiter for logins to this server.
        clock: the time of day, for the lifetime of tokens, which other processes read too.
        renewed: called after each login that returned a new token.
        seconds: monotonic clock, for pauses: a step of the time of day must not lengthen them.

    Attributes:
        name: identifies the account; a hash, safe in an annotation, since values of Secrets are printed nowhere.
        url: of the server.
    """

    def __init__(
        self,
        url: str,
        email: str,
        limiter: LoginLimiter,
        clock: Callable[[], datetime],
        renewed: Callable[["LoginSession"], None],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"sha256:{sha256(f'{email} {url}'.encode()).hexdigest()}"
        self.url = url
        self._email = email
        self._limiter = limiter
        self._clock = clock
        self._seconds = seconds
        self._renewed = renewed
        self._lock = asyncio.Lock()
        self._rejected = RejectedCredentials()
        self._password = ""
        self._token: Token | None = None
        self._reauthenticated_at: float | None = None
        self._pauses: dict[tuple[str, Hashable], _Pause] = {}

    def token(self, login: "TokenSource") -> Token | None:
        """The session's token if the Workspace has the password that it was created with; else None."""
        return self._token if login.password == self._password else None

    def restore(self, login: "TokenSource", token: Token) -> None:
        """Take over the token of an earlier process, unless there is a session already."""
        if self._token is None:
            self._password, self._token = login.password, token

    def record_rejection(self, login: "TokenSource") -> None:
        """Record that the server rejected this login, to this process or to an earlier one."""
        self._rejected.add(login.password, login.holder, login.version)

    def is_rejected(self, login: "TokenSource") -> bool:
        """True if this login must not be tried before its Secret changes."""
        return self._rejected.should_skip(login.password, login.holder, login.version)

    async def get_valid_token(self, login: "TokenSource") -> Token:
        """A token that is not due for renewal; logs in if there is none.

        Raises:
            SyncOperatorError: there is no valid token, and a login is impossible now.
        """
        held = self.token(login)
        if held is not None and self._clock() < held.refresh_at:
            return held  # without waiting for the lock, which another login may hold
        async with self._lock:
            held, now = self.token(login), self._clock()
            if held is not None and now < held.refresh_at:
                return held
            try:
                return await self._log_in(login)
            except TransientError as error:
                if held is None or now >= held.expires_at:
                    raise
                _log.warning("renewing a session at %s failed, it is tried again: %s", self.url, error)
                return held

    async def reauthenticate(self, login: "TokenSource", rejected: str) -> bool:
        """After a 401, get another token by a login, unless another login has got one meanwhile; always True.

        A 401 before the token expires means that another client logged in as the same user. The first time, log in
        again at once; after that at most once a minute, since each login only ends the other client's session.

        Raises:
            SyncOperatorError: there is no other token, and a login is impossible now.
        """
        async with self._lock:
            held, now = self.token(login), self._clock()
            if held is not None and held.value != rejected:
                return True
            early = held is not None and now < held.expires_at
            since = (
                self._seconds() - self._reauthenticated_at
                if self._reauthenticated_at is not None
                else _MIN_REAUTHENTICATION_INTERVAL
            )
            if since < _MIN_REAUTHENTICATION_INTERVAL:
                raise UnauthorizedError(
                    "another client keeps logging in as the user of spec.auth.loginSecretRef, and each login ends the "
                    "session before; give the operator a user of its own in that Secret. Until then it logs in once a "
                    "minute",
                    retry_after=_MIN_REAUTHENTICATION_INTERVAL - since,
                )
            await self._log_in(login)
            if early:
                self._reauthenticated_at = self._seconds()
            return True

    async def _log_in(self, login: "TokenSource") -> Token:
        self._check(login)
        asked = self._seconds()
        self._limiter.record(asked, self, namespace=login.namespace)
        try:
            token = await request_token(login.client, self._email, login.password, now=self._clock())
        except UnauthorizedError:
            self.record_rejection(login)
            if login.password == self._password:
                self._token = None
            raise
        except ThrottledError as error:
            self._limiter.pause(error.retry_after, asked)
            raise
        except UnreachableError as error:
            self._limiter.give_back(login.namespace)
            raise self._record_backoff(error, ("holder", login.holder), asked) from error
        except TransientError as error:
            raise self._record_backoff(error, ("password", login.password), asked) from error
        self._pauses.pop(("holder", login.holder), None)
        self._pauses.pop(("password", login.password), None)
        self._rejected.clear(login.password)
        self._password, self._token = login.password, token
        _log.info("logged in at %s", self.url)
        self._renewed(self)
        return token

    def _record_backoff(self, error: TransientError, whose: tuple[str, Hashable], now: float) -> TransientError:
        """Record a backoff, and return the error to raise.

        A failure of the server concerns all logins with that password, a failure to reach it that Workspace alone.
        """
        self._pauses = {key: pause for key, pause in self._pauses.items() if now < pause.until + _MAX_PAUSE}
        before = self._pauses.get(whose)
        failures = before.failures if before else 0
        pause = min(_MAX_PAUSE, _MIN_PAUSE * 2.0 ** min(failures, 16))
        self._pauses[whose] = _Pause(failures + 1, now + pause)
        return TransientError(str(error), retry_after=pause)

    def _check(self, login: "TokenSource") -> None:
        """Raise an error if no login may be made now."""
        if self.is_rejected(login):
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
        wait = self._limiter.reserve(now, self, namespace=login.namespace, renewal=renewal)
        if wait > 0:
            raise ThrottledError("POST /login waits for its turn: a server takes few at a time", retry_after=wait)


class TokenSource:
    """One Workspace's access to an account's session; serves as ``token`` and ``renew`` of a `ServerClient`.

    Attributes:
        session: the session, which may be shared.
        client: sends the login request.
        password: from the Workspace's Secret.
        holder: the Workspace.
        version: of the Secret; it changes with the Secret.
        namespace: of the Workspace, among which the logins to a server are shared.
    """

    def __init__(
        self,
        session: LoginSession,
        client: ServerClient,
        password: str,
        *,
        holder: Hashable,
        version: str,
        namespace: str = "",
    ) -> None:
        self.session = session
        self.client = client
        self.password = password
        self.holder = holder
        self.version = version
        self.namespace = namespace

    def __call__(self) -> str:
        """The token to send now.

        Raises:
            UnauthorizedError: there is no session.
        """
        token = self.session.token(self)
        if token is None:
            raise UnauthorizedError("there is no session on the server: the login has failed, or was not tried yet")
        return token.value

    async def renew(self, rejected: str) -> bool:
        """See `LoginSession.reauthenticate`."""
        return await self.session.reauthenticate(self, rejected)


class LoginSessions:
    """Login sessions by server and e-mail address.

    Args:
        clock: the time of day.
        renewed: called with a session that has a new token.
        seconds: monotonic clock.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        renewed: Callable[[LoginSession], None],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._renewed = renewed
        self._limiters: dict[str, LoginLimiter] = {}
        self._sessions: dict[tuple[str, str], LoginSession] = {}

    def get(self, url: str, email: str) -> LoginSession:
        """The session of a user of a server; a new one has no token yet."""
        key = (url, email)
        if key not in self._sessions:
            self._drop_idle_limiters()
            limiter = self._limiters.setdefault(_host_of(url), LoginLimiter())
            self._sessions[key] = LoginSession(url, email, limiter, self._clock, self._renewed, seconds=self._seconds)
        return self._sessions[key]

    def forget(self, session: LoginSession) -> None:
        """Remove a session that no Workspace uses any more."""
        for limiter in self._limiters.values():
            limiter.cancel(session)
        self._sessions = {key: held for key, held in self._sessions.items() if held is not session}

    def _drop_idle_limiters(self) -> None:
        """Remove rate limiters without accounts, except those that still delay logins: a new one would allow them."""
        used, now = {_host_of(url) for url, _ in self._sessions}, self._seconds()
        self._limiters = {host: held for host, held in self._limiters.items() if host in used or not held.idle(now)}

    @property
    def entry_count(self) -> int:
        """Number of sessions and of rate limiters that are kept."""
        return len(self._sessions) + len(self._limiters)


def _host_of(url: str) -> str:
    return urlsplit(url).netloc.lower()
