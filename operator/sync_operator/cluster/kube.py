"""A thin client of the Kubernetes API: plain JSON objects over the shared session, one method per verb used."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from sync_operator.cluster.login import ClusterSession
from sync_operator.cluster.watches import METADATA_LIST
from sync_operator.errors import KubernetesError
from sync_operator.model.names import FIELD_MANAGER, GROUP, SYNC_PLURAL, VERSION, WORKSPACE_PLURAL

__all__ = [
    "CRDS",
    "CRONJOBS",
    "EVENTS",
    "GROUP_VERSIONS",
    "JOBS",
    "LEASES",
    "NAMESPACES",
    "PAGE",
    "PODS",
    "SECRETS",
    "SYNCS",
    "WORKSPACES",
    "Kube",
    "Resource",
]

type _Items = list[dict[str, Any]]
_JSON: Final = "application/json"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
PAGE: Final = 500
"""Objects that are asked for at once."""
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Longest page of a list that is read, but for a page of a single object: as Python objects it takes 20 times that."""
_FIRST: Final = "1"
"""The resource version of an empty cluster."""
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_BUSY: Final = frozenset({_TOO_MANY, 500, 502, _UNAVAILABLE, 504})
_DID_NOTHING: Final = frozenset({_TOO_MANY, _UNAVAILABLE})
_EXPIRED: Final = 410
_TRIES: Final = 4
"""Of a call that got no answer, or an error that may pass."""
MAX_TRIES_ON_REQUEST: Final = 10
"""Of a call that the API server asks to be repeated; client-go makes as many."""
MAX_RETRY_AFTER: Final = 30.0
"""Seconds; the API server asks for one."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One API resource: its URL prefix and plural."""

    prefix: str
    plural: str

    @property
    def api_version(self) -> str:
        """Group and version as objects name them; items of a list come without."""
        return self.prefix.removeprefix("/apis/").removeprefix("/api/")

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path of a collection or an object."""
        parts = [self.prefix, f"namespaces/{namespace}" if namespace else None, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


SYNCS: Final = Resource(f"/apis/{GROUP}/{VERSION}", SYNC_PLURAL)
WORKSPACES: Final = Resource(f"/apis/{GROUP}/{VERSION}", WORKSPACE_PLURAL)
CRONJOBS: Final = Resource("/apis/batch/v1", "cronjobs")
JOBS: Final = Resource("/apis/batch/v1", "jobs")
PODS: Final = Resource("/api/v1", "pods")
SECRETS: Final = Resource("/api/v1", "secrets")
EVENTS: Final = Resource("/api/v1", "events")
LEASES: Final = Resource("/apis/coordination.k8s.io/v1", "leases")
NAMESPACES: Final = Resource("/api/v1", "namespaces")
CRDS: Final = Resource("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
GROUP_VERSIONS: Final = Resource(f"/apis/{GROUP}", "")
"""By the name of a version: which kinds our group has, and what can be done with each."""


class _TooLongError(Exception):
    """A page of a list is longer than is read at once."""


class Kube:
    """The verbs the operator uses. All methods raise `KubernetesError` for refusals and lost connections.

    Args:
        session: the way to the API server.
        check: called right before each write goes out; does not return when it must not. None lets everything out.
    """

    def __init__(self, session: ClusterSession, check: Callable[[], None] | None = None) -> None:
        self._session = session
        self._check = check

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read one object; None when there is none."""
        return await self._unless_gone("GET", resource.path(namespace, name))

    async def list(self, resource: Resource, namespace: str | None, *, selector: str = "") -> _Items:
        """Read a whole collection, in pages; ``selector`` is a label selector."""
        return (await self.snapshot(resource, namespace, selector=selector))[0]

    async def some(
        self, resource: Resource, namespace: str, *, selector: str = "", fields: str = "", limit: int
    ) -> _Items:
        """Read no more than ``limit`` objects of a collection; ``selector`` is of labels, ``fields`` of fields."""
        path = resource.path(namespace)
        query = {"labelSelector": selector, "fieldSelector": fields, "limit": str(limit)}
        page = await self._call("GET", path, query={name: value for name, value in query.items() if value})
        return _collection(page, f"GET {path}")[0]

    async def version(self, resource: Resource, namespace: str | None) -> str:
        """The resource version of a collection as it is now; nothing of what is in it is read."""
        page = await self._call("GET", resource.path(namespace), query={"limit": "1"}, accept=METADATA_LIST)
        return _collection(page, f"GET {resource.path(namespace)}")[1]

    async def snapshot(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        selector: str = "",
        keep: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda item: item,
    ) -> tuple[_Items, str]:
        """Read a whole collection as `list` does; and the resource version of that list, where a watch can go on.

        ``keep`` says what is to be kept of each item, or None for nothing, page by page: all of them as they come are
        a lot. A page that is longer than `MAX_PAGE_BYTES` is asked for anew, with fewer objects.
        """
        items: _Items = []
        limit = PAGE
        query = {"labelSelector": selector} if selector else {}
        tries = _TRIES
        while True:
            query["limit"] = str(limit)
            try:
                page = await self._call("GET", resource.path(namespace), query=query, whole=limit == 1)
            except _TooLongError:
                limit = max(1, limit // 8)
                continue
            except KubernetesError as error:
                # The pages are of one moment, which the API server remembers for minutes only: once more from the top.
                tries -= 1
                if error.status != _EXPIRED or "continue" not in query or not tries:
                    raise
                items.clear()
                del query["continue"]
                continue
            listed, version = _collection(page, f"GET {resource.path(namespace)}")
            items.extend(kept for item in listed if (kept := keep(item)) is not None)
            limit = min(PAGE, limit * 2)
            token = page["metadata"].get("continue")
            if not token:
                return items, version
            query["continue"] = token

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create one object; None when one of that name exists already."""
        try:
            return await self._call("POST", resource.path(namespace), body=body)
        except KubernetesError as error:
            if error.reason == "AlreadyExists":
                return None
            raise

    async def merge(
        self, resource: Resource, namespace: str, name: str, patch: Mapping[str, Any], *, subresource: str | None = None
    ) -> dict[str, Any] | None:
        """JSON merge patch; returns the object as it is now, or None when it is gone."""
        path = resource.path(namespace, name, subresource)
        with self._session.watches.writes.under_way(resource.plural, namespace, name):
            return await self._unless_gone("PATCH", path, body=patch, content="application/merge-patch+json")

    async def apply(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply as our field manager, taking over fields that others changed."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        with self._session.watches.writes.under_way(resource.plural, namespace, name):
            return await self._call(
                "PATCH",
                resource.path(namespace, name),
                body=body,
                content="application/apply-patch+yaml",
                query={"fieldManager": FIELD_MANAGER, "force": "true"},
            )

    async def apply_new(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The same for an object that is not there yet; None when one of that name is, which is left as it is.

        The API server compares the resource version with that of an object that exists, and none has the first one.
        """
        try:
            return await self.apply(resource, {**body, "metadata": {**body["metadata"], "resourceVersion": _FIRST}})
        except KubernetesError as error:
            if error.reason == "Conflict":
                return None
            raise

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete one object and, in the background, what it owns; gone already is fine."""
        with self._session.watches.writes.under_way(resource.plural, namespace, name):
            await self._unless_gone("DELETE", resource.path(namespace, name), query={"propagationPolicy": "Background"})

    async def _unless_gone(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: str = _JSON,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        try:
            return await self._call(method, path, body=body, content=content, query=query)
        except KubernetesError as error:
            if error.status == 404:  # noqa: PLR2004 (HTTP: not found)
                return None
            raise

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: str = _JSON,
        query: Mapping[str, str] | None = None,
        accept: str = _JSON,
        whole: bool = True,
    ) -> dict[str, Any]:
        """One call, repeated where the API server did nothing and says so, or where repeating does no harm."""
        for attempt in range(1, MAX_TRIES_ON_REQUEST + 1):
            try:
                headers = {"Content-Type": content, "Accept": accept}
                return await self._once(method, path, body, headers, query, whole=whole)
            except KubernetesError as error:
                if attempt >= _tries(method, error):
                    raise
                pause = 0.1 * 2**attempt if error.retry_after is None else error.retry_after
                await asyncio.sleep(pause * random.uniform(1.0, 1.1))  # noqa: S311 (jitter, not a secret)
        raise AssertionError("unreachable")

    async def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        *,
        whole: bool = True,
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body)
        url = self._session.server + path
        if self._check is not None and method != "GET":
            self._check()
        try:
            async with self._session.http.request(
                method, url, params=query, data=data, headers=headers, timeout=_TIMEOUT
            ) as response:
                status, asked = response.status, _retry_after(response)
                refused = status >= 300  # noqa: PLR2004 (HTTP: no success)
                answer = await (response.read() if whole or refused else _page(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            message = f"the cluster's API server gave no answer to {method} {path} ({type(error).__name__})"
            raise KubernetesError(0, "NoAnswer", message) from error
        if status < 300:  # noqa: PLR2004 (HTTP: success)
            return _object(answer, f"{method} {path}")
        raise _refusal(status, answer, f"{method} {path}", asked)


def _tries(method: str, error: KubernetesError) -> int:
    """How often a call is made that fails so. A POST is repeated only where it certainly did nothing."""
    if error.status in _BUSY and error.retry_after is not None and (method != "POST" or error.status in _DID_NOTHING):
        return MAX_TRIES_ON_REQUEST
    if error.status == _TOO_MANY or (method != "POST" and error.status in {0, *_BUSY}):
        return _TRIES
    return 1


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """The header in seconds, as the API server writes it."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), MAX_RETRY_AFTER) if value.isascii() and value.isdecimal() else None


async def _page(response: aiohttp.ClientResponse) -> bytes:
    """One page of a list.

    Raises:
        _TooLongError: it is longer than `MAX_PAGE_BYTES`.
    """
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_PAGE_BYTES:
            raise _TooLongError
    return bytes(content)


def _object(answer: bytes, call: str) -> dict[str, Any]:
    """Read an object; what is none may come from something between us and the API server, and answers nothing."""
    try:
        parsed = json.loads(answer)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise KubernetesError(0, "NoAnswer", f"the cluster's API server answered {call} with something other than JSON")
    if not isinstance(parsed.get("kind"), str):
        raise KubernetesError(
            0, "NoAnswer", f"the cluster's API server answered {call} with something other than its own"
        )
    return parsed


def _collection(page: Mapping[str, Any], call: str) -> tuple[_Items, str]:
    """Items and resource version of a list; one without them comes from something between us and the API server."""
    items, metadata = page.get("items"), page.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    if not isinstance(items or [], list) or not isinstance(version, str) or not version.isdecimal():
        raise KubernetesError(0, "NoAnswer", f"the cluster's API server answered {call} with something that is no list")
    return items or [], version


def _refusal(status: int, answer: bytes, call: str, retry_after: float | None) -> KubernetesError:
    """Read a ``Status`` object."""
    try:
        parsed = json.loads(answer)
    except (ValueError, RecursionError):
        parsed = {}
    reason = str(parsed.get("reason", "")) if isinstance(parsed, dict) else ""
    words = str(parsed.get("message", "")) if isinstance(parsed, dict) else ""
    message = f"{call} was refused with {status} {reason}: {words or 'no reason given'}"
    return KubernetesError(status, reason, message, retry_after=retry_after)
