"""A thin client of the Kubernetes API: plain JSON objects over the shared session, one method for each verb used."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp

from sync_operator.api.constants import FIELD_MANAGER
from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.auth.cluster_auth import ClusterSession
from sync_operator.kubernetes.resources import Resource
from sync_operator.kubernetes.watch.watch_middleware import METADATA_LIST

__all__ = ["PAGE_SIZE", "KubeClient"]

type _Items = list[dict[str, Any]]
_JSON: Final = "application/json"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
PAGE_SIZE: Final = 500
"""Objects requested in one page of a list."""
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Maximum size of a page, except of a page with a single object: as Python objects it takes 20 times as much memory."""
_FIRST_VERSION: Final = "1"
"""The resource version of an empty cluster."""
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_RETRYABLE: Final = frozenset({_TOO_MANY, 500, 502, _UNAVAILABLE, 504})
_NOT_PROCESSED: Final = frozenset({_TOO_MANY, _UNAVAILABLE})
_EXPIRED: Final = 410
_MAX_ATTEMPTS: Final = 4
"""Attempts of a request without a response, or with a transient error."""
MAX_ATTEMPTS_ON_RETRY_AFTER: Final = 10
"""Attempts of a request if the API server sends Retry-After; client-go makes as many."""
MAX_RETRY_AFTER: Final = 30.0
"""Maximum Retry-After in seconds; the API server sends 1."""


class _PageTooLargeError(Exception):
    """A page of a list is longer than `MAX_PAGE_BYTES`."""


class KubeClient:
    """The verbs that the operator uses. All methods raise `KubernetesError` for error responses and lost connections.

    Args:
        session: authenticated session for the API server.
        check: called right before each write is sent; must not return if it must not be sent. None permits all writes.
    """

    def __init__(self, session: ClusterSession, check: Callable[[], None] | None = None) -> None:
        self._session = session
        self._check = check

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read one object; None if there is none."""
        return await self._ignore_not_found("GET", resource.path(namespace, name))

    async def list(self, resource: Resource, namespace: str | None, *, selector: str = "") -> _Items:
        """Read a whole collection, in pages; ``selector`` is a label selector."""
        return (await self.list_with_version(resource, namespace, selector=selector))[0]

    async def list_page(
        self, resource: Resource, namespace: str, *, selector: str = "", fields: str = "", limit: int
    ) -> _Items:
        """Read at most ``limit`` objects of a collection, by label selector and field selector (``fields``)."""
        path = resource.path(namespace)
        query = {"labelSelector": selector, "fieldSelector": fields, "limit": str(limit)}
        page = await self._call("GET", path, query={name: value for name, value in query.items() if value})
        return _parse_list(page, f"GET {path}")[0]

    async def version(self, resource: Resource, namespace: str | None) -> str:
        """The current resource version of a collection, without reading its content."""
        page = await self._call("GET", resource.path(namespace), query={"limit": "1"}, accept=METADATA_LIST)
        return _parse_list(page, f"GET {resource.path(namespace)}")[1]

    async def list_with_version(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        selector: str = "",
        keep: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda item: item,
    ) -> tuple[_Items, str]:
        """Read a whole collection as `list` does, and the resource version of the list, from which a watch can start.

        To limit memory, ``keep`` is applied to each item as pages arrive: it returns what to keep, or None to drop the
        item. A page that is longer than `MAX_PAGE_BYTES` is requested again with fewer objects.
        """
        items: _Items = []
        limit = PAGE_SIZE
        query = {"labelSelector": selector} if selector else {}
        tries = _MAX_ATTEMPTS
        while True:
            query["limit"] = str(limit)
            try:
                page = await self._call("GET", resource.path(namespace), query=query, whole=limit == 1)
            except _PageTooLargeError:
                limit = max(1, limit // 8)
                continue
            except KubernetesError as error:
                # 410: the continue token has expired, as the API server keeps a version for minutes. Start again.
                tries -= 1
                if error.status != _EXPIRED or "continue" not in query or not tries:
                    raise
                items.clear()
                del query["continue"]
                continue
            listed, version = _parse_list(page, f"GET {resource.path(namespace)}")
            items.extend(kept for item in listed if (kept := keep(item)) is not None)
            limit = min(PAGE_SIZE, limit * 2)
            token = page["metadata"].get("continue")
            if not token:
                return items, version
            query["continue"] = token

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create one object; None if one of that name exists already."""
        try:
            return await self._call("POST", resource.path(namespace), body=body)
        except KubernetesError as error:
            if error.reason == "AlreadyExists":
                return None
            raise

    async def merge_patch(
        self, resource: Resource, namespace: str, name: str, patch: Mapping[str, Any], *, subresource: str | None = None
    ) -> dict[str, Any] | None:
        """Send a JSON merge patch; returns the object as it is now, or None if it is gone."""
        path = resource.path(namespace, name, subresource)
        with self._session.watches.writes.track(resource.plural, namespace, name):
            return await self._ignore_not_found("PATCH", path, body=patch, content="application/merge-patch+json")

    async def apply(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply as our field manager; forced, so it takes over fields that others changed."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        with self._session.watches.writes.track(resource.plural, namespace, name):
            return await self._call(
                "PATCH",
                resource.path(namespace, name),
                body=body,
                content="application/apply-patch+yaml",
                query={"fieldManager": FIELD_MANAGER, "force": "true"},
            )

    async def apply_if_absent(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Server-side apply of a new object; None if one of that name exists, which is left as it is.

        The API server compares the given resource version with that of an existing object, and none has version 1.
        """
        try:
            metadata = {**body["metadata"], "resourceVersion": _FIRST_VERSION}
            return await self.apply(resource, {**body, "metadata": metadata})
        except KubernetesError as error:
            if error.reason == "Conflict":
                return None
            raise

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete one object and, in the background, its dependents; no error if it is gone already."""
        with self._session.watches.writes.track(resource.plural, namespace, name):
            await self._ignore_not_found(
                "DELETE", resource.path(namespace, name), query={"propagationPolicy": "Background"}
            )

    async def _ignore_not_found(
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
        """Send a request with retries: if the API server says that it did nothing, or if a repetition is idempotent."""
        attempt = 1
        while True:  # tenacity would replace these lines only, and take 90 µs of CPU more for each request
            try:
                headers = {"Content-Type": content, "Accept": accept}
                return await self._send(method, path, body, headers, query, whole=whole)
            except KubernetesError as error:
                if attempt >= _max_attempts(method, error):
                    raise
                pause = 0.1 * 2**attempt if error.retry_after is None else error.retry_after
            await asyncio.sleep(pause * random.uniform(1.0, 1.1))  # noqa: S311 (jitter, not a secret)
            attempt += 1

    async def _send(
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
                status, retry_after = response.status, _retry_after(response)
                refused = status >= 300  # noqa: PLR2004 (HTTP: no success)
                answer = await (response.read() if whole or refused else _read_page(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            message = f"the cluster's API server gave no answer to {method} {path} ({type(error).__name__})"
            raise KubernetesError(0, "NoAnswer", message) from error
        if status < 300:  # noqa: PLR2004 (HTTP: success)
            return _parse_object(answer, f"{method} {path}")
        raise _api_error(status, answer, f"{method} {path}", retry_after)


def _max_attempts(method: str, error: KubernetesError) -> int:
    """Maximum attempts of a request with this error. A POST is repeated only if it certainly did nothing."""
    if (
        error.status in _RETRYABLE
        and error.retry_after is not None
        and (method != "POST" or error.status in _NOT_PROCESSED)
    ):
        return MAX_ATTEMPTS_ON_RETRY_AFTER
    if error.status == _TOO_MANY or (method != "POST" and error.status in {0, *_RETRYABLE}):
        return _MAX_ATTEMPTS
    return 1


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Header Retry-After in seconds, at most `MAX_RETRY_AFTER`; None without a number."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), MAX_RETRY_AFTER) if value.isascii() and value.isdecimal() else None


async def _read_page(response: aiohttp.ClientResponse) -> bytes:
    """Read the body of one page of a list.

    Raises:
        _PageTooLargeError: the page is longer than `MAX_PAGE_BYTES`.
    """
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_PAGE_BYTES:
            raise _PageTooLargeError
    return bytes(content)


def _parse_object(answer: bytes, call: str) -> dict[str, Any]:
    """Parse an object; anything else may come from a proxy in front of the API server, and counts as no response."""
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


def _parse_list(page: Mapping[str, Any], call: str) -> tuple[_Items, str]:
    """Items and resource version of a list; one without them comes from a proxy in front of the API server."""
    items, metadata = page.get("items"), page.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    if not isinstance(items or [], list) or not isinstance(version, str) or not version.isdecimal():
        message = f"the cluster's API server answered {call} with something that is not a list"
        raise KubernetesError(0, "NoAnswer", message)
    return items or [], version


def _api_error(status: int, answer: bytes, call: str, retry_after: float | None) -> KubernetesError:
    """The error for an error response, from its ``Status`` object if it has one."""
    try:
        parsed = json.loads(answer)
    except (ValueError, RecursionError):
        parsed = {}
    reason, detail = (str(parsed.get(key, "")) if isinstance(parsed, dict) else "" for key in ("reason", "message"))
    message = f"{call} was refused with {status} {reason}: {detail or 'no reason given'}"
    return KubernetesError(status, reason, message, retry_after=retry_after)
