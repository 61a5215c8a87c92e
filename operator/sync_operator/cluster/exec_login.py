"""Credentials that a plugin (``exec``) or a provider (``auth-provider``) of a kubeconfig gives for a while."""

import asyncio
import logging
import ssl
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import aiohttp

from sync_operator.cluster.kubeconfig import KubeconfigAccess
from sync_operator.errors import KubernetesError
from sync_operator.redact import redact

__all__ = ["ExecLogin"]

_log = logging.getLogger(__name__)
_AHEAD: Final = timedelta(seconds=30)
"""Credentials are renewed so long before their end."""
_UNAUTHORIZED: Final = 401
_MAX_WORDS: Final = 500


class ExecLogin:
    """A middleware that sends the credentials, and asks for new ones when they end or are refused.

    Args:
        access: a kubeconfig's, with a plugin or a provider.
        tls: of the connections: client certificates are put into it.
        clock: the time now, aware.
    """

    def __init__(self, access: KubeconfigAccess, tls: ssl.SSLContext, clock: Callable[[], datetime]) -> None:
        self._access = access
        self._tls = tls
        self._clock = clock
        self._renewing = asyncio.Lock()
        self._authorization = ""
        self._ends: datetime | None = None
        self._asked = False

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request, once more with new credentials where those that were held are refused."""
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
        held = self._authorization, self._ends
        if not self._asked or (self._ends is not None and self._clock() >= self._ends - _AHEAD):
            await self._renew(instead_of=held)
        return self._authorization, self._ends

    async def _renew(self, *, instead_of: tuple[str, datetime | None]) -> None:
        """Ask for new credentials, unless somebody else has done so meanwhile."""
        async with self._renewing:
            if self._asked and (self._authorization, self._ends) != instead_of:
                return
            try:
                self._take(await asyncio.to_thread(_ask, self._access))
            except KubernetesError as error:
                if not self._asked:
                    raise
                # Whoever asks is told of the refusal by the API server; the next time the plugin may work again.
                _log.warning("%s", error)
            self._asked = True

    def _take(self, status: Mapping[str, Any]) -> None:
        token, certificate = status.get("token"), status.get("clientCertificateData")
        if not token and not certificate:
            raise _failed("it gave neither a token nor a client certificate")
        if token:
            self._authorization = f"Bearer {token}"
        if certificate:
            _load(self._tls, certificate + "\n" + str(status.get("clientKeyData", "")))
        ends = status.get("expirationTimestamp")
        self._ends = datetime.fromisoformat(ends) if ends else None
        if self._ends is not None and self._ends.tzinfo is None:
            self._ends = self._ends.replace(tzinfo=UTC)


def _load(tls: ssl.SSLContext, pem: str) -> None:
    """Use a client certificate with its key for the connections that are opened from now on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(pem, encoding="utf-8")
        try:
            tls.load_cert_chain(path)
        except (ssl.SSLError, OSError):
            raise _failed("its client certificate cannot be used") from None


def _ask(access: KubeconfigAccess) -> Mapping[str, Any]:
    """What the plugin or the provider says now; it may take a while.

    Raises:
        KubernetesError: it cannot be asked, or gives nothing.
    """
    try:
        # Only here: a controller in a pod is to start without it.
        official: Any = import_module("kubernetes.config.kube_config")
    except ImportError:
        words = "it takes the official Kubernetes client, which is not installed: pip install kubernetes"
        raise _failed(words) from None
    user, cluster = dict(access.user), dict(access.cluster)
    try:
        if "exec" in user:
            node = official.ConfigNode("users[].user.exec", user["exec"])
            where = official.ConfigNode("cluster", cluster)
            status: Mapping[str, Any] = official.ExecProvider(node, str(access.folder), where).run()
            return status
        whole = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [{"name": "here", "cluster": {"server": access.info.server}}],
            "users": [{"name": "me", "user": {"auth-provider": access.user["auth-provider"]}}],
        }
        configuration = official.Configuration()
        official.KubeConfigLoader(whole, config_base_path=str(access.folder)).load_and_set(configuration)
        return {"token": configuration.api_key.get("BearerToken", "").removeprefix("Bearer ")}
    except Exception as error:  # noqa: BLE001 (whatever a plugin makes the client stumble over)
        raise _failed(redact(f"{type(error).__name__}: {error}")[:_MAX_WORDS]) from None


def _failed(words: str) -> KubernetesError:
    return KubernetesError(
        0, "NoCredentials", f"the kubeconfig's login by users[].user.exec or auth-provider failed: {words}"
    )
