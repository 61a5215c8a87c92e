"""Logging in. A server knows one session a user, and each login ends the one before: so one place logs in, rarely."""

import base64
import binascii
import json
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.errors import TransientError, UnauthorizedError
from sync_operator.remote.transport import Exchange

__all__ = ["Refusals", "Token", "request_token", "token_life", "token_subject"]

_DEFAULT_LIFE: Final = timedelta(minutes=30)
_SHORTEST_LIFE: Final = timedelta(minutes=1)
_LONGEST_LIFE: Final = timedelta(days=30)
_MAX_SUBJECT: Final = 64
"""Characters of a token's subject that are kept: it is written into the status of each Sync."""
_MAX_TOKEN: Final = 16 * 1024
"""Characters of a token: servers take no longer headers."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token that a login gave, when it did, and how long it lives."""

    value: str
    since: datetime
    life: timedelta = _DEFAULT_LIFE

    @property
    def due(self) -> datetime:
        """When it is to be replaced, well ahead of its end."""
        return self.since + self.life * 2 / 3

    @property
    def end(self) -> datetime:
        """When it dies by itself."""
        return self.since + self.life


class Refusals:
    """Passwords that the server refused: each is tried again only when somebody touched the Secret that holds it.

    Five wrong ones lock the account. Of many Workspaces with the same password only the first one's is tried.
    """

    def __init__(self) -> None:
        self._refused: dict[str, dict[Hashable, str]] = {}

    def holds(self, password: str, holder: Hashable, version: str) -> bool:
        """True when this password, from this version of the holder's Secret, is not to be tried."""
        versions = self._refused.get(password)
        return versions is not None and versions.setdefault(holder, version) == version

    def add(self, password: str, holder: Hashable, version: str) -> None:
        """The server refused it."""
        self._refused.setdefault(password, {})[holder] = version

    def clear(self, password: str) -> None:
        """The server took it."""
        self._refused.pop(password, None)


async def request_token(exchange: Exchange, email: str, password: str, *, now: datetime) -> Token:
    """`POST /login`.

    Raises:
        UnauthorizedError: wrong e-mail or password, or the account is locked.
        TransientError: no usable answer; the login may have been made all the same.
        SyncOperatorError: the server refused in another way.
    """
    body = {"email": email, "password": password}
    try:
        answer = await exchange.send("POST", "/login", body=body, secrets=(email, password), quoted=False)
    except UnauthorizedError:
        raise UnauthorizedError(
            "POST /login was refused: wrong e-mail address or password, or a locked account; put the right ones into "
            "the Secret of spec.auth.loginSecretRef, each under its own key. It is not tried again before that Secret "
            "changes"
        ) from None
    data = answer.body.get("data", answer.body) if isinstance(answer.body, dict) else {}
    attributes = data.get("attributes") if isinstance(data, dict) else None
    value = attributes.get("token") if isinstance(attributes, dict) else None
    if not isinstance(value, str) or not value or len(value) > _MAX_TOKEN:
        raise TransientError(f"POST /login was accepted, but the answer holds no token; is {exchange.base} the server?")
    return Token(value, now, token_life(value, now))


def token_life(token: str, now: datetime) -> timedelta:
    """How long a token lives from its login on, as it says itself; 30 minutes where it does not.

    ``exp`` less ``iat`` is both by the server's clock; ``exp`` alone is taken by ours.
    """
    claims = _claims(token)
    ends, begins = claims.get("exp"), claims.get("iat", now.timestamp())
    if not isinstance(ends, (int, float)) or not isinstance(begins, (int, float)):
        return _DEFAULT_LIFE
    try:
        life = timedelta(seconds=ends - begins)
    except (OverflowError, ValueError):
        return _DEFAULT_LIFE
    return life if _SHORTEST_LIFE <= life <= _LONGEST_LIFE else _DEFAULT_LIFE


def token_subject(token: str) -> str:
    """The account that a JSON web token names (claim ``sub``), cut to 64 characters; empty for an opaque token.

    A Multiwoven server writes the user's id there, the same as ``GET /users/me`` tells.
    """
    subject = _claims(token).get("sub")
    if isinstance(subject, bool) or not isinstance(subject, str | int):
        return ""
    text = str(subject)[:_MAX_SUBJECT]
    return text if text.isprintable() else ""


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JSON web token, not verified: they only tell when to log in again."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 (header, claims, signature)
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
