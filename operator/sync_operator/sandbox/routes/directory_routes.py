"""Routes of login, users/me, workspaces, and of the connectors and models that syncs refer to."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, workspace_of
from sync_operator.sandbox.error_shapes import Refusal, api_error, non_json_error, plain_error, validation_error
from sync_operator.sandbox.fault_injection import json_body
from sync_operator.sandbox.render import connector, listing, model, single
from sync_operator.sandbox.state import Store, StoredResource, Token

__all__ = ["routes"]

routes = web.RouteTableDef()
_TOKEN_TTL: Final = timedelta(minutes=30)
_LOGIN_WINDOW: Final = timedelta(seconds=20)
_MAX_LOGINS: Final = 5
_MAX_FAILED_LOGINS: Final = 5
_LOCKOUT: Final = timedelta(hours=1)


@dataclass(slots=True)
class _Logins:
    """State of the login limiter: recent logins, wrong passwords by user, and since when accounts are locked."""

    tried: list[datetime] = field(default_factory=list)
    wrong: dict[str, int] = field(default_factory=dict)
    locked: dict[str, datetime] = field(default_factory=dict)

    def throttled(self, now: datetime) -> bool:
        """Count a login; True if there were too many within the window."""
        self.tried = [at for at in self.tried if at > now - _LOGIN_WINDOW]
        if len(self.tried) >= _MAX_LOGINS:
            return True
        self.tried.append(now)
        return False

    def refused(self, email: str, right: bool, now: datetime) -> bool:
        """True for a wrong password, and for any password while the account is locked; five wrong ones lock it."""
        if email in self.locked and now < self.locked[email] + _LOCKOUT:
            return True
        if self.locked.pop(email, None) or right:
            self.wrong.pop(email, None)
        if right:
            return False
        self.wrong[email] = self.wrong.get(email, 0) + 1
        if self.wrong[email] >= _MAX_FAILED_LOGINS:
            self.locked[email] = now
        return True


_LOGINS = web.AppKey("logins", _Logins)


@routes.post("/api/v1/login")
async def login(request: web.Request) -> web.Response:
    """`POST /login`: one session per user; five wrong passwords lock the account for an hour."""
    store = request.app[STORE]
    body, now = await json_body(request), store.clock()
    email, password = str(body.get("email")), str(body.get("password"))
    logins = request.app[_LOGINS]
    if logins.throttled(now):
        raise Refusal(429, {"error": "Throttle limit reached. Please try again later."}, {"Retry-After": "20"})
    if logins.refused(email, store.passwords.get(email) == password, now):
        raise api_error(401, "Invalid login credentials, please try again")
    for value, token in list(store.tokens.items()):
        if token.email == email and token.expires_at is not None:
            del store.tokens[value]
    value = f"sandbox.{secrets.token_urlsafe(24)}"
    store.tokens[value] = Token(email=email, workspaces=store.workspaces, expires_at=now + _TOKEN_TTL)
    return web.json_response({"data": {"type": "token", "id": value, "attributes": {"token": value}}})


@routes.delete("/api/v1/logout")
async def logout(request: web.Request) -> web.Response:
    """`DELETE /logout`: end the session of this token."""
    authenticate(request)
    del request.app[STORE].tokens[request.headers["Authorization"].partition(" ")[2].strip()]
    return web.json_response({"data": {"type": "message", "attributes": {"message": "Successfully logged out"}}})


@routes.get("/api/v1/users/me")
async def me(request: web.Request) -> web.Response:
    """`GET /users/me`; not in the documented dialect."""
    store = _multiwoven(request)
    token = authenticate(request)
    workspace_of(request, token)
    attributes = {"name": token.email.partition("@")[0], "email": token.email, "role": token.role, "status": "active"}
    return single(store, {"id": str(store.user_number(token.email)), "type": "users", "attributes": attributes})


@routes.get("/api/v1/workspaces")
async def workspaces(request: web.Request) -> web.Response:
    """`GET /workspaces`: needs no ``Workspace-Id`` header, and has no pages."""
    store = _multiwoven(request)
    token = authenticate(request)
    return web.json_response({"data": [_workspace(number) for number in sorted(token.workspaces & store.workspaces)]})


@routes.get("/api/v1/connectors")
async def connectors(request: web.Request) -> web.Response:
    """`GET /connectors`."""
    token = authenticate(request)
    wanted = request.query.get("type")
    if wanted not in {None, "source", "destination", "Source", "Destination"}:
        raise validation_error({"type": ["must be one of: source, destination"]})
    store, workspace_id = _listed(request), workspace_of(request, token)
    kinds = {wanted.lower()} if wanted else {"source", "destination"}
    visible = _visible(store.connectors, workspace_id, kinds)
    return listing(request, store, [_connector(store, resource.id, resource.kind) for resource in visible], sized=False)


@routes.get("/api/v1/connectors/{id}")
async def connector_show(request: web.Request) -> web.Response:
    """`GET /connectors/:id`."""
    number, store = _number(request), request.app[STORE]
    if ("connector", number) in store.missing:
        raise api_error(404, "Connector not found")
    return single(store, _connector(store, number, "source"))


@routes.get("/api/v1/connectors/{id}/discover")
async def discover(request: web.Request) -> web.Response:
    """`GET /connectors/:id/discover`: a refresh drops the catalog before it queries the connector (contract S14)."""
    number, store = _number(request), request.app[STORE]
    if request.query.get("refresh") == "true" and number in store.catalogs:
        store.catalogs[number] = None
    if ("connector", number) in store.missing:
        raise api_error(422, "Unable to discover the connector's streams")
    streams = store.catalogs.get(number) or ["orders"]
    if number in store.catalogs:
        store.catalogs[number] = streams
    listed = [{"name": name} | ({"batch_support": True} if (number, name) in store.batches else {}) for name in streams]
    attributes = {"connector_id": number, "catalog": {"streams": listed}}
    return single(store, {"id": str(number), "type": "catalogs", "attributes": attributes})


@routes.get("/api/v1/models")
async def models(request: web.Request) -> web.Response:
    """`GET /models`."""
    store, workspace_id = _listed(request), workspace_of(request, authenticate(request))
    visible = _visible(store.models, workspace_id, {"model"})
    return listing(request, store, [_model(store, resource.id) for resource in visible])


@routes.get("/api/v1/models/{id}")
async def model_show(request: web.Request) -> web.Response:
    """`GET /models/:id`."""
    number, store = _number(request), request.app[STORE]
    if ("model", number) in store.missing:
        raise plain_error(404, f"Couldn't find Model with 'id'={number}")
    return single(store, _model(store, number))


@routes.get("/up")
@routes.get("/")
async def up(_: web.Request) -> web.Response:
    """`GET /up`: no token, HTML."""
    return web.Response(text="<html>up</html>", content_type="text/html")


def login_memory(app: web.Application) -> None:
    """Add the state of the login limiter to the application."""
    app[_LOGINS] = _Logins()


def _multiwoven(request: web.Request) -> Store:
    store = request.app[STORE]
    if store.dialect == "documented":
        raise non_json_error(404)
    return store


def _listed(request: web.Request) -> Store:
    store = request.app[STORE]
    if store.any_ids:
        raise non_json_error(404)
    return store


def _number(request: web.Request) -> int:
    token = authenticate(request)
    text = request.match_info["id"]
    if not text.isdigit():
        raise validation_error({"id": ["must be an integer"]})
    workspace_of(request, token)
    return int(text)


def _workspace(number: int) -> dict[str, Any]:
    attributes = {"name": f"Workspace {number}", "slug": f"workspace-{number}", "status": "active"}
    return {"id": str(number), "type": "workspaces", "attributes": attributes}


def _visible(resources: Mapping[int, StoredResource], workspace_id: int, kinds: set[str]) -> list[StoredResource]:
    """The connectors or models of a workspace, sorted by their last change, newest first."""
    here = (
        resource
        for resource in resources.values()
        if resource.workspace_id in {None, workspace_id} and resource.kind in kinds
    )
    return sorted(here, key=lambda resource: (resource.updated_at, resource.id), reverse=True)


def _connector(store: Store, number: int, kind: str) -> dict[str, Any]:
    return {"id": str(number), "type": "connectors", "attributes": connector(store, number, kind)}


def _model(store: Store, number: int) -> dict[str, Any]:
    return {"id": str(number), "type": "models", "attributes": model(store, number)}
