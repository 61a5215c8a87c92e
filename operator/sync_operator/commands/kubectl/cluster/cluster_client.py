"""Requests to the API server: read, list in pages, patch, follow a log; errors say which right or CRD is missing."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from sync_operator import __version__
from sync_operator.api.constants import (
    CONNECTOR_PLURAL,
    GROUP,
    MODEL_PLURAL,
    SYNC_PLURAL,
    VERSION,
    WORKSPACE_PLURAL,
)
from sync_operator.commands.kubectl.cluster.kubeconfig_access import ClusterAccess
from sync_operator.errors import KubernetesError
from sync_operator.util.bounds import one_line

__all__ = [
    "CONNECTORS",
    "FIELD_MANAGER",
    "JOBS",
    "MODELS",
    "NAMESPACES",
    "PODS",
    "SYNCS",
    "UNREACHABLE",
    "WORKSPACES",
    "ClusterClient",
    "Resource",
    "is_outage",
]

FIELD_MANAGER: Final = "kubectl-sync"
_PAGE: Final = 500
_TIMEOUT: Final = (10.0, 60.0)
"""Seconds to connect, and between two pieces of a response."""
_CHUNK_BYTES: Final = 65536
_MAX_MESSAGE_LENGTH: Final = 1000
_MAX_REASON_LENGTH: Final = 200
UNREACHABLE: Final = "Unreachable"
"""Reason of the error when there was no response."""
_USER: Final = re.compile(r'User "([^"]{1,256})"')


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of objects in the API.

    Attributes:
        path: of its group and version.
        plural: name in the path.
        kind: name in manifests.
        group: empty for the core group.
    """

    path: str
    plural: str
    kind: str
    group: str = ""

    @property
    def name(self) -> str:
        """The name in rules of a role, such as ``syncs.squared.ai``."""
        return f"{self.plural}.{self.group}".removesuffix(".")


SYNCS: Final = Resource(f"/apis/{GROUP}/{VERSION}", SYNC_PLURAL, "Sync", GROUP)
WORKSPACES: Final = Resource(f"/apis/{GROUP}/{VERSION}", WORKSPACE_PLURAL, "Workspace", GROUP)
CONNECTORS: Final = Resource(f"/apis/{GROUP}/{VERSION}", CONNECTOR_PLURAL, "Connector", GROUP)
MODELS: Final = Resource(f"/apis/{GROUP}/{VERSION}", MODEL_PLURAL, "Model", GROUP)
JOBS: Final = Resource("/apis/batch/v1", "jobs", "Job", "batch")
NAMESPACES: Final = Resource("/api/v1", "namespaces", "Namespace")
PODS: Final = Resource("/api/v1", "pods", "Pod")


class ClusterClient:
    """Talks to one cluster.

    Args:
        connect: loads the access; called again when the credentials are no longer accepted.
    """

    def __init__(self, connect: Callable[[], ClusterAccess]) -> None:
        self._connect = connect
        self.access = connect()

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """Read one object.

        Raises:
            KubernetesError: it is not there (status 404), or cannot be read.
        """
        return self._json("get", resource, namespace, f"/{quote(name, safe='')}")

    def list(
        self, resource: Resource, namespace: str | None, *, labels: str = "", fields: str = ""
    ) -> Iterator[dict[str, Any]]:
        """List objects page by page, so that no more than a page is in memory.

        Args:
            resource: their kind.
            namespace: None for all.
            labels: label selector.
            fields: field selector.

        Raises:
            KubernetesError: they cannot be listed.
        """
        query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        while True:
            page = self._json("list", resource, namespace, "", {name: value for name, value in query.items() if value})
            yield from page.get("items") or ()
            query["continue"] = page.get("metadata", {}).get("continue") or ""
            if not query["continue"]:
                return

    def patch(self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Merge a change into an object, and return it as it is then.

        Raises:
            KubernetesError: the change is refused.
        """
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        return self._json("patch", resource, namespace, f"/{quote(name, safe='')}", query, body)

    def log(self, namespace: str, pod: str, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """Stream the log of a pod.

        Raises:
            KubernetesError: it cannot be read.
        """
        query = {"follow": "true"} if follow else {}
        query |= {"tailLines": str(tail)} if tail is not None else {}
        path = f"/{quote(pod, safe='')}/log"
        response = self._send("get", PODS, namespace, path, query, None, endless=follow)
        try:
            with self._connected():
                yield from response.stream(_CHUNK_BYTES)
        finally:
            response.release_conn()

    def _json(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        response = self._send(verb, resource, namespace, path, query or {}, body)
        with self._connected():
            return dict(json.loads(response.data))

    def _send(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        *,
        endless: bool = False,
    ) -> Any:
        place = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
        url = f"{resource.path}{place}/{resource.plural}{path}"
        if query:
            url += f"?{urlencode(query)}"
        response = self._request(verb, url, body, endless=endless)
        if response.status == HTTPStatus.UNAUTHORIZED:
            response.drain_conn()
            self.access = self._connect()
            response = self._request(verb, url, body, endless=endless)
        if response.status < HTTPStatus.BAD_REQUEST:
            return response
        name = resource.name + ("/log" if path.endswith("/log") else "")
        raise self._refused(response, verb, name, namespace)

    def _request(self, verb: str, url: str, body: Mapping[str, Any] | None, *, endless: bool) -> Any:
        from urllib3 import HTTPHeaderDict, Timeout  # noqa: PLC0415 (loaded with the official client)

        api = self.access.api
        headers = HTTPHeaderDict({"Accept": "application/json", "User-Agent": f"kubectl-sync/{__version__}"})
        for setting in api.configuration.auth_settings().values():  # renews a token that is about to end
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        for header, value in self.access.headers:
            headers.add(header, value)
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        with self._connected():
            return api.rest_client.pool_manager.request(
                "PATCH" if verb == "patch" else "GET",
                f"{api.configuration.host}{url}",
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=Timeout(connect=_TIMEOUT[0], read=None if endless else _TIMEOUT[1]),
                preload_content=False,
                retries=False,
            )

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Tell errors of the connection, and a response that was cut."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 (loaded with the official client)

        try:
            yield
        except (HTTPError, OSError, ValueError) as error:
            last = re.sub(r"^\[Errno \d+\] ", "", str(error).rpartition(": ")[2])
            words = one_line(last or type(error).__name__, _MAX_REASON_LENGTH)
            host = self.access.api.configuration.host
            message = f"the API server at {host} ({self.access.origin}) cannot be reached: {words}"
            raise KubernetesError(0, UNREACHABLE, message) from None

    def _refused(self, response: Any, verb: str, resource: str, namespace: str | None) -> KubernetesError:
        try:
            body = json.loads(response.data)
        except ValueError:
            body = None
        status = body if isinstance(body, dict) and body.get("kind") == "Status" else {}
        message = one_line(str(status.get("message") or response.reason or ""), _MAX_MESSAGE_LENGTH)
        where = f"in namespace {namespace!r}" if namespace is not None else "in all namespaces"
        match response.status:
            case HTTPStatus.UNAUTHORIZED:
                words = f"the API server does not accept the credentials of {self.access.origin}: log in again"
            case HTTPStatus.FORBIDDEN:
                user = _USER.search(message)
                who = f"user {user[1]!r}" if user else "you"
                missing = f"a role with the verb {verb!r} on the resource {resource!r} is missing"
                words = f"{who} may not {verb} {resource} {where}: {missing}"
                words = words if user else f"{words} ({message})"
            case HTTPStatus.NOT_FOUND if not status.get("details", {}).get("name"):
                words = f"this cluster ({self.access.origin}) has no {resource}: the operator's CRDs are not installed"
            case _:
                words = message or f"the API server answered {response.status}"
        return KubernetesError(response.status, str(status.get("reason") or ""), words)


def is_outage(error: KubernetesError) -> bool:
    """True if the API server could not be reached or is not well: the same request may be answered later."""
    busy = error.status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    return error.reason == UNREACHABLE or busy or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
