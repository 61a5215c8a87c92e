"""Temporary credentials from a kubeconfig's plugin (``exec``) or provider (``auth-provider``)."""

import asyncio
import base64
import json
import logging
import ssl
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import aiohttp

from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.auth.kubeconfig import KubeconfigAccess
from sync_operator.util.redact import redact

__all__ = ["ExecAuth"]

_log = logging.getLogger(__name__)
_RENEW_BEFORE_EXPIRY: Final = timedelta(seconds=30)
"""Credentials are renewed this long before they expire."""
_UNAUTHORIZED: Final = 401
_MAX_MESSAGE_LENGTH: Final = 500
_AUTHORITIES: Final = ("idp-certificate-authority-data", "idp-certificate-authority")
"""Fields of an OIDC provider with the certificate authority of its issuer."""


class ExecAuth:
    """Client middleware that sends the credentials, and renews them when they expire or are rejected.

    Args:
        access: access by a kubeconfig with a plugin or a provider.
        tls: TLS context of the connections; client certificates are loaded into it.
        clock: the current time, aware.
    """

    def __init__(self, access: KubeconfigAccess, tls: ssl.SSLContext, clock: Callable[[], datetime]) -> None:
        self._access = access
        self._tls = tls
        self._clock = clock
        self._lock = asyncio.Lock()
        self._authorization = ""
        self._expires_at: datetime | None = None
        self._has_credentials = False

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request; after a 401, renew the credentials and send it once more."""
        held = await self._current()
        response = await self._send(request, handler)
        if response.status != _UNAUTHORIZED:
            return response
        response.release()
        await self._renew(instead_of=held)
        return await self._send(request, handler)

    async def _send(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        return await handler(request)

    async def _current(self) -> tuple[str, datetime | None]:
        held = self._authorization, self._expires_at
        if not self._has_credentials or (
            self._expires_at is not None and self._clock() >= self._expires_at - _RENEW_BEFORE_EXPIRY
        ):
            await self._renew(instead_of=held)
        return self._authorization, self._expires_at

    async def _renew(self, *, instead_of: tuple[str, datetime | None]) -> None:
        """Renew the credentials (single flight), unless a concurrent request has done so meanwhile."""
        async with self._lock:
            if self._has_credentials and (self._authorization, self._expires_at) != instead_of:
                return
            try:
                self._apply(await asyncio.to_thread(_fetch_credentials, self._access))
            except KubernetesError as error:
                if not self._has_credentials:
                    raise
                # Keep the old credentials: the caller gets the API server's 401, and the next renewal may succeed.
                _log.warning("%s", error)
            self._has_credentials = True

    def _apply(self, status: Mapping[str, Any]) -> None:
        token, certificate = status.get("token"), status.get("clientCertificateData")
        if not token and not certificate:
            raise _failed("it gave neither a token nor a client certificate")
        if token:
            self._authorization = f"Bearer {token}"
        if certificate:
            _load_certificate(self._tls, certificate + "\n" + str(status.get("clientKeyData", "")))
        expiry = status.get("expirationTimestamp")
        self._expires_at = datetime.fromisoformat(expiry) if expiry else None
        if self._expires_at is not None and self._expires_at.tzinfo is None:
            self._expires_at = self._expires_at.replace(tzinfo=UTC)


def _load_certificate(tls: ssl.SSLContext, pem: str) -> None:
    """Use a client certificate with its key for connections opened from now on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(pem, encoding="utf-8")
        try:
            tls.load_cert_chain(path)
        except (ssl.SSLError, OSError):
            raise _failed("its client certificate cannot be used") from None


def _fetch_credentials(access: KubeconfigAccess) -> Mapping[str, Any]:
    """Get credentials from the plugin or the provider. Blocking, and possibly slow.

    Raises:
        KubernetesError: it cannot be called, or returns no credentials.
    """
    try:
        # Imported only here, because a controller in a pod has to start without it.
        official: Any = import_module("kubernetes.config.kube_config")
    except ImportError:
        reason = "it takes the official Kubernetes client, which is not installed: pip install kubernetes"
        raise _failed(reason) from None
    user, cluster = dict(access.user), dict(access.cluster)
    try:
        if "exec" in user:
            node = official.ConfigNode("users[].user.exec", user["exec"])
            where = official.ConfigNode("cluster", cluster)
            status: Mapping[str, Any] = official.ExecProvider(node, str(access.folder), where).run()
            return status
        provider = access.user["auth-provider"]
        _trust_known_authorities(provider.get("config"))
        whole = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [{"name": "here", "cluster": {"server": access.info.server}}],
            # Not a copy: the client stores refreshed tokens in this object, for the next call.
            "users": [{"name": "me", "user": {"auth-provider": provider}}],
        }
        configuration = official.Configuration()
        official.KubeConfigLoader(whole, config_base_path=str(access.folder)).load_and_set(configuration)
        return _provider_credentials(configuration.api_key.get("BearerToken", "").removeprefix("Bearer "))
    except KubernetesError:
        raise
    except Exception as error:  # noqa: BLE001 (a plugin can make the client raise anything)
        raise _failed(redact(f"{type(error).__name__}: {error}")[:_MAX_MESSAGE_LENGTH]) from None


def _trust_known_authorities(provider: dict[str, Any] | None) -> None:
    """Verify an issuer without its own CA by this machine's CAs: the official client does not verify it."""
    if provider is not None and not any(provider.get(name) for name in _AUTHORITIES):
        known = ssl.get_default_verify_paths().cafile
        provider["idp-certificate-authority"] = known or str(import_module("certifi").where())


def _provider_credentials(token: str) -> Mapping[str, Any]:
    """A provider's token with its expiry. An expired one is an error: the client does not report a failed refresh."""
    expiry = _token_expiry(token)
    if expiry is not None and expiry <= datetime.now(UTC):
        raise _failed(f"the id-token ended at {expiry.isoformat()}, and its issuer gave no new one: log in again")
    return {"token": token, "expirationTimestamp": expiry.isoformat() if expiry is not None else None}


def _token_expiry(token: str) -> datetime | None:
    """Expiry of a JSON web token (claim ``exp``); None if it has none."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _failed(reason: str) -> KubernetesError:
    return KubernetesError(
        0, "NoCredentials", f"the kubeconfig's login by users[].user.exec or auth-provider failed: {reason}"
    )
