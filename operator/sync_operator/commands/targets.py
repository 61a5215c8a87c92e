"""The server and credentials that a command uses for a Workspace, from manifests or from the environment."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sync_operator.api.enums import DialectChoice
from sync_operator.api.kinds.resource_ref import ConfigurationSecret
from sync_operator.api.kinds.workspace import RemoteWorkspace, WorkspaceSpec, remote_workspace_of
from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.domain.status.workspace_status import decode_secret
from sync_operator.errors import InvalidSettingsError, InvalidSpecError, SyncOperatorError
from sync_operator.settings import ToolSettings
from sync_operator.syncapi.types import Dialect

__all__ = ["Home", "Secrets", "Target", "environment_target", "workspace_target"]

type Home = tuple[str, str]
"""Namespace and name."""
_TOKEN_VARIABLE: Final = "SYNC_API_TOKEN"  # noqa: S105 (the name of a variable)
_FOR_ALL: Final = {"HOSTS of the operator names": "HOSTS, here and of the operator, names"}
_VARIABLES: Final = {
    "the Secret of spec.auth": _TOKEN_VARIABLE,
    "spec.url": "SYNC_API_URL",
    "spec.workspaceId": "SYNC_API_WORKSPACE_ID",
    "spec.dialect": "SYNC_API_DIALECT",
    "spec.caSecretRef": "SYNC_API_CA_FILE",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A workspace of a server, and how to call it.

    Attributes:
        name: name of the Workspace, for messages.
        dialect: the server's dialect; None to detect it.
        token: bearer token; empty for a login.
        login: e-mail address and password; None for a token.
        requests_per_minute: requests per minute that the server allows.
        aliases: terms for Workspaces in error messages, each with the environment variable to name in its place.
    """

    name: str
    url: str
    workspace_id: str | None
    dialect: Dialect | None
    timeout_seconds: float = 30.0
    suspended: bool = False
    ca_pem: str | None = None
    token: str = field(default="", repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)
    requests_per_minute: int = 100
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def remote_workspace(self) -> RemoteWorkspace:
        """Normalized URL of the server, and id of the workspace."""
        return remote_workspace_of(self.url, self.workspace_id)

    def describe_error(self, error: SyncOperatorError) -> str:
        """An error's message, with the names of the environment variables that the user has set."""
        words = str(error)
        for written, replacement in {**_FOR_ALL, **self.aliases}.items():
            words = words.replace(written, replacement)
        return words


class Secrets:
    """The Secrets of an input."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._held = {(manifest.namespace, manifest.name): _data(manifest.value) for manifest in manifests}

    def value(self, namespace: str, name: str, key: str, field: str) -> str:
        """The value of one key.

        Raises:
            InvalidSpecError: the Secret or key is not in the input, or the value is not text.
        """
        held = self._held.get((namespace, name))
        if held is None:
            raise InvalidSpecError(f"{field}.name", f"Secret {name!r} is not in the input; add its manifest")
        return decode_secret(held, namespace=namespace, name=name, key=key, field=field)

    def configuration(self, namespace: str, wanted: Iterable[ConfigurationSecret]) -> dict[str, str]:
        """The values by JSON pointer; those that are not in the input are left out."""
        found = {}
        for entry in wanted:
            ref = entry.secret_key_ref
            try:
                found[entry.pointer] = self.value(namespace, ref.name, ref.key, "")
            except InvalidSpecError:
                continue
        return found


def workspace_target(
    home: Home, spec: WorkspaceSpec, secrets: Secrets, settings: ToolSettings, *, alone: bool
) -> Target:
    """The target of a Workspace. A token from the environment is used only for the server that it is meant for.

    Args:
        home: namespace and name of the Workspace.
        spec: its spec.
        secrets: the Secrets of the input.
        settings: settings from the environment.
        alone: True if all Workspaces of the input have the same server.

    Raises:
        InvalidSpecError: there are no credentials; names the field and the ways to provide them.
    """
    token, login, ca_pem = "", None, None
    aliases: dict[str, str] = {}
    token_applies = (
        remote_workspace_of(settings.url, None).url == remote_workspace_of(spec.url, None).url
        if settings.url
        else alone
    )
    if settings.token and token_applies:
        token, aliases = settings.token, {"the Secret of spec.auth": _TOKEN_VARIABLE}
    else:
        token, login = _credentials(home, spec, secrets)
    if spec.ca_secret_ref is not None:
        ca = spec.ca_secret_ref
        ca_pem = secrets.value(home[0], ca.name, ca.key, "spec.caSecretRef")
    dialect = None if spec.dialect is DialectChoice.AUTO else Dialect(spec.dialect.value)
    return Target(
        name=home[1],
        url=spec.url,
        workspace_id=spec.workspace_id,
        dialect=dialect,
        timeout_seconds=float(spec.timeout_seconds),
        suspended=spec.suspend,
        ca_pem=ca_pem,
        token=token,
        login=login,
        requests_per_minute=spec.requests_per_minute,
        aliases=aliases,
    )


def environment_target(name: str, settings: ToolSettings) -> Target:
    """The target from the environment, for a Workspace that is not in the input.

    Raises:
        InvalidSettingsError: URL or token is missing; says which variable to set.
    """
    if not settings.url:
        raise InvalidSettingsError(
            f"Workspace {name!r} is not in the input; add its manifest, or set SYNC_API_URL, {_TOKEN_VARIABLE} and "
            "SYNC_API_WORKSPACE_ID"
        )
    if not settings.token:
        raise InvalidSettingsError(f"{_TOKEN_VARIABLE}: not set; it must hold the token for SYNC_API_URL")
    return Target(
        name=name,
        url=settings.url,
        workspace_id=settings.workspace_id,
        dialect=None if settings.dialect == DialectChoice.AUTO else Dialect(settings.dialect),
        ca_pem=_ca(settings),
        token=settings.token,
        aliases=_VARIABLES,
    )


def _credentials(home: Home, spec: WorkspaceSpec, secrets: Secrets) -> tuple[str, tuple[str, str] | None]:
    token_ref, login_ref = spec.auth.token_secret_ref, spec.auth.login_secret_ref
    try:
        if token_ref is not None:
            return secrets.value(home[0], token_ref.name, token_ref.key, "spec.auth.tokenSecretRef"), None
        assert login_ref is not None  # noqa: S101 (the rules let no Workspace without credentials pass)
        field = "spec.auth.loginSecretRef"
        email = secrets.value(home[0], login_ref.name, login_ref.email_key, field)
        return "", (email, secrets.value(home[0], login_ref.name, login_ref.password_key, field))
    except InvalidSpecError as error:
        remedy = f"or set {_TOKEN_VARIABLE} (with SYNC_API_URL, when there are several servers)"
        raise InvalidSpecError(error.field, f"{str(error).removeprefix(f'{error.field}: ')}, {remedy}") from None


def _ca(settings: ToolSettings) -> str | None:
    try:
        return settings.ca_file.read_text("utf-8") if settings.ca_file else None
    except (OSError, UnicodeDecodeError):
        raise InvalidSettingsError(f"SYNC_API_CA_FILE: {settings.ca_file} cannot be read") from None


def _data(value: Mapping[str, Any]) -> dict[str, Any]:
    """A Secret as the API server would store it: ``stringData`` overrides ``data``."""
    data, clear = value.get("data"), value.get("stringData")
    held = {str(key): text for key, text in data.items() if isinstance(text, str)} if isinstance(data, Mapping) else {}
    if isinstance(clear, Mapping):
        held |= {str(key): base64.b64encode(str(text).encode()).decode() for key, text in clear.items()}
    return {"data": held}
