"""The two clients of floor and plain operator: the libraries that the operator uses, with nothing around them."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpcore
import yaml

from sync_operator.api.constants import API_VERSION

__all__ = ["AT_ONCE", "Cluster", "Server", "open_cluster"]

AT_ONCE: Final = 16
"""Requests side by side, as many as the operator has workers."""
_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_JSON: Final = {"Content-Type": "application/json"}
_NOT_FOUND: Final = 404
_BUSY: Final = 429
_PAUSE: Final = 0.5


class Server:
    """The sync server, over connections that wait in a pool of one each: a larger one looks at all that it holds."""

    def __init__(self, url: str, workspace_id: str, token: str) -> None:
        self._url = f"{url}/api/v1"
        given = {"Authorization": f"Bearer {token}", "Workspace-Id": workspace_id, "Content-Type": "application/json"}
        self._headers = [(name.encode(), value.encode()) for name, value in given.items()]
        self._idle: asyncio.LifoQueue[httpcore.AsyncConnectionPool] = asyncio.LifoQueue()
        for _ in range(AT_ONCE):
            self._idle.put_nowait(httpcore.AsyncConnectionPool(max_connections=1, keepalive_expiry=30))

    async def call(self, method: str, path: str, body: object = None) -> bytes:
        """One request; its answer.

        Raises:
            RuntimeError: it was refused.
        """
        data = b"" if body is None else json.dumps(body).encode()
        http = await self._idle.get()
        try:
            answer = await http.request(method, self._url + path, headers=self._headers, content=data)
        finally:
            self._idle.put_nowait(http)
        if answer.status >= 300:  # noqa: PLR2004 (HTTP: success is below)
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return answer.content

    async def close(self) -> None:
        """Close all connections, once none is in use."""
        while not self._idle.empty():
            await self._idle.get_nowait().aclose()


class Cluster:
    """The API server.

    Attributes:
        server: its URL.
        http: the session whose requests carry credentials.
    """

    def __init__(self, server: str, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http

    async def call(self, method: str, path: str, body: object = None) -> bytes:
        """One request, again while the API server is busy; the answer, which is empty for what is gone.

        Raises:
            aiohttp.ClientResponseError: it was refused.
        """
        headers = _PATCH if method == "PATCH" else _JSON
        data = None if body is None else json.dumps(body)
        while True:
            async with self.http.request(method, self.server + path, data=data, headers=headers) as answer:
                text = await answer.read()
                if answer.status == _NOT_FOUND:
                    return b""
                if answer.status != _BUSY:
                    answer.raise_for_status()
                    return text
            await asyncio.sleep(_PAUSE)

    async def get(self, path: str) -> dict[str, Any]:
        """Read an object, or a list."""
        parsed: dict[str, Any] = json.loads(await self.call("GET", path))
        return parsed

    async def server_of(self, namespace: str) -> Server:
        """The sync server that the namespace's Workspace names."""
        workspace = await self.get(f"/apis/{API_VERSION}/namespaces/{namespace}/workspaces/default")
        secret = await self.get(f"/api/v1/namespaces/{namespace}/secrets/token")
        spec, token = workspace["spec"], base64.b64decode(secret["data"]["token"]).decode()
        return Server(spec["url"], spec["workspaceId"], token)


def open_cluster(kubeconfig: Path | None = None) -> Cluster:
    """Log in with a token, by a kubeconfig or by the one that ``KUBECONFIG`` names."""
    path = kubeconfig or Path(os.environ["KUBECONFIG"])
    config: Mapping[str, Any] = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    [cluster], [user] = config["clusters"], config["users"]
    authority = base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode()
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cadata=authority)),
        headers={"Authorization": f"Bearer {user['user']['token']}"},
        timeout=aiohttp.ClientTimeout(total=None),
    )
    return Cluster(cluster["cluster"]["server"], http)
