"""Definitions, catalogs, connection checks, previews: the calls on connectors that are not those of every collection.

No error quotes what the server says of a connector, except a refused query, whose words are about the query.
"""

from collections.abc import Mapping
from typing import Any, Final

from sync_operator.errors import RejectedError, ServerFaultError, TransientError
from sync_operator.syncapi.collection import digits
from sync_operator.syncapi.http.responses import Quoting
from sync_operator.syncapi.http.server_client import ServerClient
from sync_operator.syncapi.pipeline.definitions import DefinitionSet, parse_definitions
from sync_operator.syncapi.types import Catalog, Columns, ConnectionCheck
from sync_operator.util.bounds import bounded_text, one_line
from sync_operator.util.redact import redact

__all__ = ["PipelineClient"]

_LIVE_TIMEOUT_SECONDS: Final = 60.0
"""Timeout of calls for which the server asks another system, whatever the Workspace's timeout is."""
MAX_CATALOG_BYTES: Final = 4 * 1024 * 1024
"""Maximum size of a catalog: a thousand tables with their columns."""
MAX_DEFINITIONS_BYTES: Final = 2 * 1024 * 1024
"""Maximum size of all definitions; servers have about 100 KiB, and icons of any size."""
MAX_STREAMS: Final = 200
"""Maximum number of streams whose names are kept."""
MAX_COLUMNS: Final = 200
_MAX_NAME: Final = 253


class PipelineClient:
    """The calls on connectors of one workspace. All raise the errors of `sync_operator.errors`.

    Args:
        server: sends the requests.
    """

    def __init__(self, server: ServerClient) -> None:
        self._server = server

    async def definitions(self) -> DefinitionSet:
        """`GET /connector_definitions`: what connectors of this server are like; it changes with the release only."""
        answer = await self._server.send(
            "GET", "/connector_definitions", max_bytes=MAX_DEFINITIONS_BYTES, quoting=Quoting.NOTHING
        )
        return parse_definitions(answer.body)

    async def discover(self, connector_id: str, *, refresh: bool) -> Catalog:
        """`GET /connectors/:id/discover`: the stored catalog; without one, the server makes it from the live system.

        Args:
            connector_id: the connector.
            refresh: True to have it made anew. The server deletes the stored one first, also if it fails then.

        Raises:
            RejectedError: retryable: the server could not make it, and does not say why.
        """
        path = f"/connectors/{digits(connector_id)}/discover"
        try:
            answer = await self._server.send(
                "GET",
                path,
                query={"refresh": "true"} if refresh else None,
                timeout_seconds=_LIVE_TIMEOUT_SECONDS,
                max_bytes=MAX_CATALOG_BYTES,
                quoting=Quoting.NOTHING,
            )
        except (RejectedError, ServerFaultError) as error:
            why = "the server could not read the streams, and writes the reason into its own log only"
            remedy = "check the configuration, and that the server reaches the system behind it"
            raise RejectedError(f"{error}: {why}; {remedy}", retryable=True) from None
        return _parse_catalog(answer.body, path)

    async def check(
        self, connector_type: str, connector_name: str, configuration: Mapping[str, Any], *, secrets: tuple[str, ...]
    ) -> ConnectionCheck:
        """`POST /connector_definitions/check_connection`: connects, and may write something there. Never retried.

        Args:
            connector_type: ``source`` or ``destination``.
            connector_name: the definition.
            configuration: the whole of it, with secrets.
            secrets: values that the message must not show.
        """
        body = {"type": connector_type, "name": connector_name, "connection_spec": dict(configuration)}
        answer = await self._server.send(
            "POST",
            "/connector_definitions/check_connection",
            body=body,
            idempotent=False,
            timeout_seconds=_LIVE_TIMEOUT_SECONDS,
            quoting=Quoting.NOTHING,
        )
        return _parse_check(answer.body, secrets)

    async def query_columns(self, connector_id: str, query: str) -> Columns:
        """`POST /connectors/:id/query_source`: the columns of the first row; none if there is no row.

        Raises:
            RejectedError: the source refuses the query; with its words.
        """
        answer = await self._server.send(
            "POST",
            f"/connectors/{digits(connector_id)}/query_source",
            body={"query": query, "limit": 1},
            timeout_seconds=_LIVE_TIMEOUT_SECONDS,
            quoting=Quoting.REFUSALS,
        )
        rows = answer.body.get("data") if isinstance(answer.body, Mapping) else answer.body
        if not isinstance(rows, list):
            raise TransientError("POST query_source was answered without rows")
        first = rows[0] if rows and isinstance(rows[0], Mapping) else {}
        return Columns(tuple(one_line(name, _MAX_NAME) for name in list(first)[:MAX_COLUMNS]), len(first))


def _parse_catalog(body: Any, path: str) -> Catalog:
    found = body
    for name in ("data", "attributes", "catalog"):
        found = found.get(name, found) if isinstance(found, Mapping) else None
    streams = found.get("streams") if isinstance(found, Mapping) else None
    if not isinstance(streams, list):
        raise TransientError(f"GET {path} was answered without streams")
    names = [stream.get("name") for stream in streams if isinstance(stream, Mapping)]
    known = [name for name in names if isinstance(name, str) and 0 < len(name) <= _MAX_NAME]
    return Catalog(tuple(known[:MAX_STREAMS]), len(streams))


def _parse_check(body: Any, secrets: tuple[str, ...]) -> ConnectionCheck:
    data = body.get("data", body) if isinstance(body, Mapping) else {}
    found = data.get("connection_status", data) if isinstance(data, Mapping) else {}
    status = found.get("status", found.get("result")) if isinstance(found, Mapping) else None
    if status not in {"succeeded", "success", "failed", "failure"}:
        raise TransientError("POST check_connection was answered without a result")
    words = found.get("message", found.get("details"))
    return ConnectionCheck(status in {"succeeded", "success"}, redact(bounded_text(words), secrets=secrets))
