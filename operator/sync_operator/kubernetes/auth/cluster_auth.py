"""Credentials for the cluster: one HTTP session for kopf and one for our own client, with a shared connection pool."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from ssl import SSLContext

import aiohttp
import kopf
from multidict import CIMultiDict

from sync_operator import __version__
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.api_server_clock import ClusterClock, DateHeaderMiddleware, utc_now
from sync_operator.kubernetes.auth.exec_credentials import ExecAuth
from sync_operator.kubernetes.auth.kubeconfig import KubeconfigAccess, read_kubeconfig
from sync_operator.kubernetes.watch.watch_error_middleware import WatchErrorMiddleware
from sync_operator.kubernetes.watch.watch_middleware import WatchMiddleware
from sync_operator.settings import kubeconfig_files, kubernetes_service

__all__ = ["ClusterSession", "open_session"]

_log = logging.getLogger(__name__)
_TOKEN_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_TIMEOUT_SECONDS = 60

type RequestObserver = Callable[[str, str, str, float], None]


@dataclass(frozen=True, slots=True)
class ClusterSession:
    """Authenticated HTTP sessions for the API server.

    Attributes:
        server: base URL of the API server.
        http: session of our own client; owns the connection pool.
        kopf: session for kopf, which closes it.
        namespace: our own namespace: the pod's, or the one of the kubeconfig's context.
        watches: middleware of kopf's session.
        clock: clock corrected by the API server's.
    """

    server: str
    http: aiohttp.ClientSession
    kopf: aiohttp.ClientSession
    namespace: str
    watches: WatchMiddleware
    clock: ClusterClock = field(default_factory=ClusterClock)


def open_session(observer: RequestObserver = lambda *_: None) -> ClusterSession:
    """Log in as the pod's service account, else by the kubeconfig (``KUBECONFIG`` or the usual file), as kubectl does.

    Args:
        observer: called for each request with method, host, HTTP status or ``<error>``, and seconds until the response
            headers.

    Raises:
        KubernetesError: there are no credentials of either kind, or they cannot be used.
    """
    access, tls = _credentials()
    info = access.info
    headers = CIMultiDict({"User-Agent": f"sync-operator/{__version__}", **info.as_http_headers()})
    for name, value in access.impersonate:
        headers.add(name, value)
    watches, clock = WatchMiddleware(), ClusterClock()
    middlewares: list[aiohttp.ClientMiddlewareType] = [_RequestMetrics(observer), DateHeaderMiddleware(clock)]
    if access.token_file is not None:
        middlewares.append(_TokenFileAuth(access.token_file))
    if access.server_name is not None:
        middlewares.append(_TlsServerName(access.server_name))
    if access.is_renewable:
        middlewares.insert(0, ExecAuth(access, tls, utc_now))
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
        session(middlewares=middlewares),
        session(middlewares=(WatchErrorMiddleware(), watches, *middlewares), connector_owner=False),
        info.default_namespace or "default",
        watches,
        clock,
    )


def _credentials() -> tuple[KubeconfigAccess, SSLContext]:
    """The pod's credentials or the kubeconfig's, and the TLS context with their certificates.

    Raises:
        KubernetesError: there are no credentials of either kind, or they cannot be used.
    """
    try:
        access = _from_service_account() or _from_kubeconfig()
        if access is not None:
            return access, access.info.as_ssl_context()
    except KubernetesError:
        raise
    except Exception as error:  # noqa: BLE001 (a malformed file can cause any error)
        # The original error is dropped, because some of these errors quote the content of the file.
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else type(error).__name__
        message = f"the credentials for the cluster cannot be used ({reason}): check KUBECONFIG and the files it names"
        raise KubernetesError(0, "NoCredentials", message) from None
    raise KubernetesError(
        0, "NoCredentials", "no cluster to talk to: run in a pod with a service account, or set KUBECONFIG"
    )


def _from_kubeconfig() -> KubeconfigAccess | None:
    files = kubeconfig_files()
    return read_kubeconfig(files) if files else None


def _from_service_account() -> KubeconfigAccess | None:
    """The pod's credentials. The API server is addressed by IP, so that a DNS outage does not cut us off from it."""
    info = kopf.login_with_service_account(settings=kopf.OperatorSettings())
    if info is None:
        return None
    info = replace(info, server=kubernetes_service() or info.server)
    return KubeconfigAccess(info, _TOKEN_FILE.parent, token_file=_TOKEN_FILE)


class _TlsServerName:
    """Client middleware that checks the server's certificate against another name than that of the URL."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.server_hostname = self._name
        return await handler(request)


class _RequestMetrics:
    """Client middleware that reports each request's status and duration."""

    def __init__(self, observer: RequestObserver) -> None:
        self._observer = observer

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        started, code = time.monotonic(), "<error>"
        try:
            response = await handler(request)
            code = str(response.status)
        finally:
            self._observer(request.method, request.url.authority, code, time.monotonic() - started)
        return response


class _TokenFileAuth:
    """Client middleware that re-reads the token file when it changes: kubelets rotate the token about once an hour."""

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
