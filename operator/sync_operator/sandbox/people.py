"""Who and where: login, users/me, workspaces, and the connectors and models that syncs refer to."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.faults import json_body
from sync_operator.sandbox.guard import STORE, authenticate, workspace_of
from sync_operator.sandbox.render import connector, listing, model, single
from sync_operator.sandbox.shapes import Refusal, e1, e3, e4, e5
from sync_operator.sandbox.state import Store, Token

__all__ = ["routes"]

routes = web.RouteTableDef()
_TOKEN_LIFE: Final = timedelta(minutes=30)
_LOGIN_WINDOW: Final = timedelta(seconds=20)
_LOGINS_A_WINDOW: Final = 5
_WRONG_LIMIT: Final = 5
_LOCK: Final = timedelta(hours=1)
_LOGINS = web.AppKey("logins", dict[str, list[datetime]])
_SEEDED: Final = 10


@routes.post("/api/v1/login")
async def login(request: web.Request) -> web.Response:
    """`POST /login`: one session a user; five wrong passwords lock the account for an hour."""
    store = request.app[STORE]
    body, now = await json_body(request), store.clock()
    email, password = str(body.get("email")), str(body.get("password"))
    tried = request.app[_LOGINS].setdefault("", [])
    tried[:] = [at for at in tried if at > now - _LOGIN_WINDOW]
    if len(tried) >= _LOGINS_A_WINDOW:
        raise Refusal(429, {"error": "Throttle limit reached. Please try again later."}, {"Retry-After": "20"})
    tried.append(now)
    wrong = request.app[_LOGINS].setdefault(email, [])
    wrong[:] = [at for at in wrong if at > now - _LOCK]
    if len(wrong) >= _WRONG_LIMIT or store.passwords.get(email) != password:
        wrong.append(now)
        raise e3(401, "Invalid login credentials, please try again")
    wrong.clear()
    for value, token in list(store.tokens.items()):
        if token.email == email and token.expires_at is not None:
            del store.tokens[value]
    value = f"sandbox.{secrets.token_urlsafe(24)}"
    store.tokens[value] = Token(email=email, workspaces=store.workspaces, expires_at=now + _TOKEN_LIFE)
    return web.json_response({"data": {"type": "token", "id": value, "attributes": {"token": value}}})


@routes.delete("/api/v1/logout")
async def logout(request: web.Request) -> web.Response:
    """`DELETE /logout`: ends the session of this token."""
    authenticate(request)
    del request.app[STORE].tokens[request.headers["Authorization"].partition(" ")[2].strip()]
    return web.json_response({"data": {"type": "message", "attributes": {"message": "Successfully logged out"}}})


@routes.get("/api/v1/users/me")
async def me(request: web.Request) -> web.Response:
    """`GET /users/me`; the documented dialect has no such call."""
    store = _multiwoven(request)
    token = authenticate(request)
    workspace_of(request, token)
    attributes = {"name": token.email.partition("@")[0], "email": token.email, "role": token.role, "status": "active"}
    return single(store, {"id": "1", "type": "users", "attributes": attributes})


@routes.get("/api/v1/workspaces")
async def workspaces(request: web.Request) -> web.Response:
    """`GET /workspaces`: needs no header, knows no pages."""
    store = _multiwoven(request)
    token = authenticate(request)
    return web.json_response({"data": [_workspace(number) for number in sorted(token.workspaces & store.workspaces)]})


@routes.get("/api/v1/connectors")
async def connectors(request: web.Request) -> web.Response:
    """`GET /connectors`."""
    token = authenticate(request)
    wanted = request.query.get("type")
    if wanted not in {None, "source", "destination", "Source", "Destination"}:
        raise e1({"type": ["must be one of: source, destination"]})
    workspace_of(request, token)
    kinds = [wanted.lower()] if wanted else ["source", "destination"]
    found = [_connector(number, kind) for kind in kinds for number in range(1, _SEEDED + 1)]
    return listing(request, request.app[STORE], found)


@routes.get("/api/v1/connectors/{id}")
async def connector_show(request: web.Request) -> web.Response:
    """`GET /connectors/:id`."""
    number, store = _number(request), request.app[STORE]
    if ("connector", number) in store.missing:
        raise e3(404, "Connector not found")
    return single(store, _connector(number, "source"))


@routes.get("/api/v1/models")
async def models(request: web.Request) -> web.Response:
    """`GET /models`."""
    workspace_of(request, authenticate(request))
    found = [{"id": str(number), "type": "models", "attributes": model(number)} for number in range(1, _SEEDED + 1)]
    return listing(request, request.app[STORE], found)


@routes.get("/api/v1/models/{id}")
async def model_show(request: web.Request) -> web.Response:
    """`GET /models/:id`."""
    number, store = _number(request), request.app[STORE]
    if ("model", number) in store.missing:
        raise e4(404, f"Couldn't find Model with 'id'={number}")
    return single(store, {"id": str(number), "type": "models", "attributes": model(number)})


@routes.get("/up")
@routes.get("/")
async def up(_: web.Request) -> web.Response:
    """`GET /up`: no token, HTML."""
    return web.Response(text="<html>up</html>", content_type="text/html")


def login_memory(app: web.Application) -> None:
    """Give the application a memory of logins."""
    app[_LOGINS] = {}


def _multiwoven(request: web.Request) -> Store:
    store = request.app[STORE]
    if store.dialect == "documented":
        raise e5(404)
    return store


def _number(request: web.Request) -> int:
    token = authenticate(request)
    text = request.match_info["id"]
    if not text.isdigit():
        raise e1({"id": ["must be an integer"]})
    workspace_of(request, token)
    return int(text)


def _workspace(number: int) -> dict[str, Any]:
    attributes = {"name": f"Workspace {number}", "slug": f"workspace-{number}", "status": "active"}
    return {"id": str(number), "type": "workspaces", "attributes": attributes}


def _connector(number: int, kind: str) -> dict[str, Any]:
    return {"id": str(number), "type": "connectors", "attributes": connector(number, kind)}
