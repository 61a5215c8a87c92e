"""Steps that the routes of connectors, catalogs and models have in common: ids, workspaces, lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, workspace_of
from sync_operator.sandbox.error_shapes import api_error, non_json_error, plain_error, validation_error
from sync_operator.sandbox.fault_injection import json_body
from sync_operator.sandbox.pipeline.records import StoredConnector, StoredModel
from sync_operator.sandbox.state import Store, Token

__all__ = ["Access", "access_to", "listed_store", "newest_first", "path_id", "wrapped"]


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks, and in which workspace."""

    store: Store
    token: Token
    workspace_id: int

    def connector(self, number: int) -> StoredConnector:
        """The connector of an id in this workspace.

        Raises:
            Refusal: 404 E3: there is none.
        """
        held = self.store.connector(number)
        if held is None or held.workspace_id not in {None, self.workspace_id}:
            raise api_error(404, "Connector not found")
        return held

    def model(self, number: int) -> StoredModel:
        """The model of an id in this workspace.

        Raises:
            Refusal: 404 E4: there is none.
        """
        held = self.store.model(number)
        if held is None or held.workspace_id not in {None, self.workspace_id}:
            words = f'Couldn\'t find Model with \'id\'={number} [WHERE "models"."workspace_id" = $1]'
            raise plain_error(404, words)
        return held


def access_to(request: web.Request) -> Access:
    """Token and workspace of a request.

    Raises:
        Refusal: 401 or 400.
    """
    token = authenticate(request)
    return Access(request.app[STORE], token, workspace_of(request, token))


def path_id(request: web.Request) -> int:
    """The id in the path; this comes before the check of the workspace.

    Raises:
        Refusal: 401, or 400 E1: it is no number.
    """
    authenticate(request)
    text = request.match_info["id"]
    if not text.isdigit():
        raise validation_error({"id": ["must be an integer"]})
    return int(text)


async def wrapped(request: web.Request, key: str) -> dict[str, Any]:
    """The fields of a body, with or without the wrapper.

    Raises:
        Refusal: 401, or 400 for malformed JSON.
    """
    authenticate(request)
    body = await json_body(request)
    inner = body.get(key, body)
    return inner if isinstance(inner, dict) else {}


def listed_store(request: web.Request) -> Store:
    """The store, if connectors and models are listed at all.

    Raises:
        Refusal: 404: any ids may be named, so there is no list.
    """
    store = request.app[STORE]
    if store.any_ids:
        raise non_json_error(404)
    return store


def newest_first[R: (StoredConnector, StoredModel)](rows: Iterable[R], workspace_id: int) -> list[R]:
    """The connectors or models of a workspace, the last changed first."""
    here = (row for row in rows if row.workspace_id in {None, workspace_id})
    return sorted(here, key=lambda row: (row.updated_at, row.id), reverse=True)
