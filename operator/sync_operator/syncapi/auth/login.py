"""The login request. A server keeps one session per user, and a login ends the previous one: so logins must be rare."""

import base64
import binascii
import json
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sync_operator.errors import TransientError, UnauthorizedError
from sync_operator.syncapi.http.responses import Quoting
from sync_operator.syncapi.http.server_client import ServerClient

__all__ = ["RejectedCredentials", "Token", "request_token", "token_subject", "token_ttl"]

_DEFAULT_TTL: Final = timedelta(minutes=30)
_MIN_TTL: Final = timedelta(minutes=1)
_MAX_TTL: Final = timedelta(days=30)
_MAX_SUBJECT: Final = 64
"""Maximum characters of a token's subject that are kept: it is written into the status of each Sync."""
_MAX_TOKEN: Final = 16 * 1024
"""Maximum length of a token: servers accept no longer headers."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, the time of the login that returned it, and its lifetime from then on."""

    value: str
    issued_at: datetime
    ttl: timedelta = _DEFAULT_TTL

    @property
    def refresh_at(self) -> datetime:
        """When to replace it, well before it expires."""
        return self.issued_at + self.ttl * 2 / 3

    @property
    def expires_at(self) -> datetime:
        """When it expires."""
        return self.issued_at + self.ttl


class RejectedCredentials:
    """Negative cache of rejected passwords: one is tried again only after the Secret that contains it has changed.

    Five wrong passwords lock the account. Of many Workspaces with the same password only the first one's is tried.
    """

    def __init__(self) -> None:
        self._refused: dict[str, dict[Hashable, str]] = {}

    def should_skip(self, password: str, holder: Hashable, version: str) -> bool:
        """True if this password, from this version of the holder's Secret, must not be tried."""
        versions = self._refused.get(password)
        return versions is not None and versions.setdefault(holder, version) == version

    def add(self, password: str, holder: Hashable, version: str) -> None:
        """Record that the server rejected the password."""
        self._refused.setdefault(password, {})[holder] = version

    def clear(self, password: str) -> None:
        """Remove a password that the server accepted."""
        self._refused.pop(password, None)


async def request_token(client: ServerClient, email: str, password: str, *, now: datetime) -> Token:
    """`POST /login`: log in, and return the new token.

    Raises:
        UnauthorizedError: wrong e-mail or password, or the account is locked.
        TransientError: no usable response; the login may have succeeded all the same.
        SyncOperatorError: the server refused in another way.
    """
    body = {"email": email, "password": password}
    try:
        answer = await client.send("POST", "/login", body=body, secrets=(email, password), quoting=Quoting.NOTHING)
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
        raise TransientError(f"POST /login was accepted, but the answer holds no token; is {client.base} the server?")
    return Token(value, now, token_ttl(value, now))


def token_ttl(token: str, now: datetime) -> timedelta:
    """Lifetime of a token from its login on, by its claims; 30 minutes if they do not say.

    ``exp`` minus ``iat`` uses the server's clock only; ``exp`` alone is compared with our clock.
    """
    claims = _claims(token)
    ends, begins = claims.get("exp"), claims.get("iat", now.timestamp())
    if not isinstance(ends, (int, float)) or not isinstance(begins, (int, float)):
        return _DEFAULT_TTL
    try:
        ttl = timedelta(seconds=ends - begins)
    except (OverflowError, ValueError):
        return _DEFAULT_TTL
    return ttl if _MIN_TTL <= ttl <= _MAX_TTL else _DEFAULT_TTL


def token_subject(token: str) -> str:
    """The account that a JSON web token names (claim ``sub``), at most 64 characters; empty for an opaque token.

    A Multiwoven server writes the user's id there, the same id as in ``GET /users/me``.
    """
    subject = _claims(token).get("sub")
    if isinstance(subject, bool) or not isinstance(subject, str | int):
        return ""
    text = str(subject)[:_MAX_SUBJECT]
    return text if text.isprintable() else ""


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JSON web token, not verified; empty for an opaque token."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 (header, claims, signature)
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
