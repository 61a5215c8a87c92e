"""Credentials for the cluster: one HTTP session for kopf and one for our own client, over the same connections."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from ssl import SSLContext

import aiohttp
import kopf
from multidict import CIMultiDict

from sync_operator import __version__
from sync_operator.cluster.exec_login import ExecLogin
from sync_operator.cluster.kubeconfig import KubeconfigAccess, read_kubeconfig
from sync_operator.cluster.watches import Watches
from sync_operator.errors import KubernetesError
from sync_operator.settings import kubeconfig_files, kubernetes_service

__all__ = ["ClusterSession", "open_session"]

_log = logging.getLogger(__name__)
_TOKEN_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_TIMEOUT_SECONDS = 60

type Told = Callable[[str, str, str, float], None]


@dataclass(frozen=True, slots=True)
class ClusterSession:
    """An authenticated way to the API server.

    Attributes:
        server: its base URL.
        http: the session of our own client, whose requests carry credentials; owns the connections.
        kopf: the same for kopf, which closes it.
        namespace: where we live: the pod's, or the kubeconfig's.
        watches: what goes through kopf's session.
    """

    server: str
    http: aiohttp.ClientSession
    kopf: aiohttp.ClientSession
    namespace: str
    watches: Watches


def open_session(told: Told = lambda *_: None) -> ClusterSession:
    """Log in as the pod's service account, else by the kubeconfig (``KUBECONFIG`` or the usual file), as kubectl does.

    Args:
        told: is told of each request: method, host, HTTP status or ``<error>``, and seconds until the answer began.

    Raises:
        KubernetesError: there are no credentials of either kind, or they cannot be used.
    """
    access, tls = _credentials()
    info = access.info
    headers = CIMultiDict({"User-Agent": f"sync-operator/{__version__}", **info.as_http_headers()})
    for name, value in access.impersonate:
        headers.add(name, value)
    watches, counted = Watches(), _Counted(told)
    ways: list[aiohttp.ClientMiddlewareType] = [counted]
    if access.token_file is not None:
        ways.append(_FreshToken(access.token_file))
    if access.server_name is not None:
        ways.append(_ServerName(access.server_name))
    if access.renews:
        ways.insert(0, ExecLogin(access, tls, lambda: datetime.now(UTC)))
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    session = partial(
        aiohttp.ClientSession,
        connector=connector,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_TIMEOUT_SECONDS),
        trust_env=info.trust_env,
        proxy=info.proxy_url,
    )
    _log.info("talking to the cluster at %s", info.server)
    return ClusterSession(
        info.server.rstrip("/"),
        session(middlewares=ways),
        session(middlewares=(watches, *ways), connector_owner=False),
        info.default_namespace or "default",
        watches,
    )


def _credentials() -> tuple[KubeconfigAccess, SSLContext]:
    """The pod's or the kubeconfig's, with what its files hold."""
    try:
        access = _in_pod() or _of_kubeconfig()
        if access is not None:
            return access, access.info.as_ssl_context()
    except KubernetesError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a file makes somebody stumble over)
        # Some of these errors quote what is in the file.
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else type(error).__name__
        words = f"the credentials for the cluster cannot be used ({reason}): check KUBECONFIG and the files it names"
        raise KubernetesError(0, "NoCredentials", words) from None
    raise KubernetesError(
        0, "NoCredentials", "no cluster to talk to: run in a pod with a service account, or set KUBECONFIG"
    )


def _of_kubeconfig() -> KubeconfigAccess | None:
    files = kubeconfig_files()
    return read_kubeconfig(files) if files else None


def _in_pod() -> KubeconfigAccess | None:
    """The pod's credentials. The API server goes by its address: no trouble with names keeps us from it."""
    info = kopf.login_with_service_account(settings=kopf.OperatorSettings())
    if info is None:
        return None
    info = replace(info, server=kubernetes_service() or info.server)
    return KubeconfigAccess(info, _TOKEN_FILE.parent, token_file=_TOKEN_FILE)


class _ServerName:
    """Has the server's certificate checked against another name than that of its URL."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.server_hostname = self._name
        return await handler(request)


class _Counted:
    """Tells of each request how it went."""

    def __init__(self, told: Told) -> None:
        self._told = told

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        begun, code = time.monotonic(), "<error>"
        try:
            response = await handler(request)
            code = str(response.status)
        finally:
            self._told(request.method, request.url.authority, code, time.monotonic() - begun)
        return response


class _FreshToken:
    """Sends the token as its file holds it now: kubelets replace a service account's about once an hour."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0.0
        self._token = ""

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        changed_at = self._path.stat().st_mtime
        if changed_at != self._read_at:
            self._token = self._path.read_text(encoding="ascii").strip()
            self._read_at = changed_at
        request.headers["Authorization"] = f"Bearer {self._token}"
        return await handler(request)
