"""``spec`` of a Workspace: the connection to one workspace of one server, owned by the tenant."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from sync_operator.api.base import DnsName, JsonBool, JsonInt, Model, SecretKey, ServerId, normalized_id
from sync_operator.api.enums import DialectChoice

__all__ = [
    "MAX_TIMEOUT_SECONDS",
    "URL_MESSAGE",
    "URL_PATTERN",
    "Auth",
    "CaSecretRef",
    "DialectChoice",
    "LoginSecretRef",
    "RemoteWorkspace",
    "TokenSecretRef",
    "WorkspaceSpec",
    "remote_workspace_now",
    "remote_workspace_of",
    "server_of",
]

URL_PATTERN: Final = (
    r"^https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)(:[0-9]{1,5})?(/[-A-Za-z0-9._~/%]*)?$"
)
"""http or https, a host, and at most a port and a path: no user, no query."""
URL_MESSAGE: Final = "is not a URL of a server; write it like https://api.squared.ai, with no user and no query"


def _is_url(text: str) -> str:
    if not re.fullmatch(URL_PATTERN, text):
        raise ValueError(URL_MESSAGE)
    return text


type _Url = Annotated[str, Field(min_length=8, max_length=2048), AfterValidator(_is_url)]

MAX_TIMEOUT_SECONDS: Final = 60
"""The most that a Workspace may ask for. Longer ones were allowed once, and are read as this."""


class RemoteWorkspace(NamedTuple):
    """One workspace of one server: ids of syncs mean something only within it.

    Attributes:
        url: of the server, in one spelling.
        workspace_id: value of the ``Workspace-Id`` header, or None.
    """

    url: str
    workspace_id: str | None


def remote_workspace_of(url: str, workspace_id: str | None) -> RemoteWorkspace:
    """The workspace on a server that a URL (in any spelling) and a workspace id name."""
    parts = urlsplit(url)
    host = parts.netloc.lower().removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, "\0"))
    number = None if workspace_id is None else normalized_id(workspace_id)
    return RemoteWorkspace(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", number)


def remote_workspace_now(registered: RemoteWorkspace, spec_url: str, previous_urls: Iterable[str]) -> RemoteWorkspace:
    """That workspace at its server's present URL, if it was registered at one of a Workspace's ``previous_urls``."""
    former = {remote_workspace_of(url, None).url for url in previous_urls}
    return remote_workspace_of(spec_url, registered.workspace_id) if registered.url in former else registered


@lru_cache(maxsize=1024)
def server_of(url: str) -> str:
    """The server of a URL, as host and port in one spelling; the whole URL where it cannot be read."""
    try:
        return urlsplit(remote_workspace_of(url, None).url).netloc
    except ValueError:
        return url


class TokenSecretRef(Model):
    """A Secret that holds a bearer token."""

    name: DnsName
    """Name of a Secret in the same namespace."""
    key: SecretKey = "token"
    """Key in the Secret's data that holds the token."""


class LoginSecretRef(Model):
    """A Secret that holds an e-mail address and a password to log in with."""

    name: DnsName
    """Name of a Secret in the same namespace."""
    email_key: SecretKey = "email"
    """Key in the Secret's data that holds the e-mail address."""
    password_key: SecretKey = "password"  # noqa: S105 - the name of a key, no password
    """Key in the Secret's data that holds the password."""


class CaSecretRef(Model):
    """A Secret that holds the certificates to trust."""

    name: DnsName
    """Name of a Secret in the same namespace."""
    key: SecretKey = "ca.crt"
    """Key in the Secret's data that holds the certificates, in PEM."""


class Auth(Model):
    """How to authenticate: exactly one of the two."""

    token_secret_ref: TokenSecretRef | None = None
    """A bearer token that somebody else keeps valid. Exactly one of this and loginSecretRef."""
    login_secret_ref: LoginSecretRef | None = None
    """A login with which the operator gets its tokens itself. Give it a user of its own: each login ends the user's
    other sessions. Exactly one of this and tokenSecretRef."""


class WorkspaceSpec(Model):
    """Where the server is, and how to speak to it."""

    url: _Url
    """Base URL of the server, without /api/v1, such as `https://api.squared.ai`: a scheme, a host, at most a port and a
    path. Must be https unless the operator's settings allow plain http for that host."""
    previous_urls: Annotated[tuple[_Url, ...], Field(max_length=16)] = ()
    """Addresses that stood for this very server before. A Sync that was registered there is taken to be at url, once
    the server shows the same sync there; then its status.url is updated. Remove an address when no Sync names it
    any more."""
    workspace_id: ServerId | None = None
    """Id of the workspace on the server, sent as header Workspace-Id. Multiwoven servers need it."""
    auth: Auth
    """How to authenticate: exactly one of tokenSecretRef and loginSecretRef."""
    dialect: DialectChoice = DialectChoice.AUTO
    """How the server speaks: `Multiwoven` (the open-source server), `Documented` (the published API reference), or
    `Auto`, which asks it and writes the answer to status."""
    ca_secret_ref: CaSecretRef | None = None
    """Certificates to trust for this server instead of the system's."""
    requests_per_minute: Annotated[JsonInt, Field(ge=1, le=100_000)] = 100
    """The most requests a minute to this server, of which half is left to run pods; the hosted service allows 100."""
    timeout_seconds: Annotated[JsonInt, Field(ge=1, le=MAX_TIMEOUT_SECONDS)] = 30
    """How many seconds to wait for an answer, and for each part of it; a whole call may take twice as long."""
    suspend: JsonBool = False
    """True: the operator sends nothing to this server, and the CronJobs of its Syncs are suspended."""
