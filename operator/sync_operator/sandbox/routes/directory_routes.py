"""Routes of login, users/me and workspaces."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from sync_operator.sandbox.access import STORE, authenticate, workspace_of
from sync_operator.sandbox.error_shapes import Refusal, api_error, non_json_error
from sync_operator.sandbox.fault_injection import json_body
from sync_operator.sandbox.render import single
from sync_operator.sandbox.state import Store, Token

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


def _workspace(number: int) -> dict[str, Any]:
    attributes = {"name": f"Workspace {number}", "slug": f"workspace-{number}", "status": "active"}
    return {"id": str(number), "type": "workspaces", "attributes": attributes}
