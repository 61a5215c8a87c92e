"""Who may do what: token, workspace and role, in the order in which the server looks (contract section 1)."""

from aiohttp import web

from sync_operator.sandbox.shapes import Refusal, e2, e3, e4
from sync_operator.sandbox.state import Store, StoredSync, Token

__all__ = ["STORE", "authenticate", "find_sync", "may_write", "workspace_of"]

STORE = web.AppKey("store", Store)


def authenticate(request: web.Request) -> Token:
    """The user behind the token.

    Raises:
        Refusal: 401.
    """
    store = request.app[STORE]
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    token = store.tokens.get(value.strip()) if scheme == "Bearer" else None
    if token is None or (token.expires_at is not None and token.expires_at <= store.clock()):
        raise e3(401, "Unauthorized")
    return token


def workspace_of(request: web.Request, token: Token) -> int:
    """The workspace that the header names; in the documented dialect each account has one, which its token tells.

    Raises:
        Refusal: 400, also for a workspace that the user is no member of.
    """
    store = request.app[STORE]
    if store.dialect == "documented":
        return min(token.workspaces)
    value = request.headers.get("Workspace-Id", "")
    if not value.isdigit() or int(value) not in token.workspaces & store.workspaces:
        raise e2("Workspace not found")
    return int(value)


def find_sync(store: Store, sync_id: int, workspace_id: int) -> StoredSync | None:
    """A living sync of that workspace."""
    sync = store.syncs.get(sync_id)
    return sync if sync and sync.discarded_at is None and sync.workspace_id == workspace_id else None


def may_write(token: Token) -> None:
    """Let everyone but viewers pass.

    Raises:
        Refusal: 403.
    """
    if token.role == "Viewer":
        raise e3(403, "You are not authorized to do this action")


def no_sync(store: Store, sync_id: int, *, runs: bool = False) -> Refusal:
    """The 404 of a sync; the calls about runs say it in other words than the calls about syncs."""
    if runs and store.dialect == "documented":
        return Refusal(404, {"message": "Sync not found", "status": "not_found"})
    if runs:
        return e3(404, "Sync not found")
    return e4(404, f'Couldn\'t find Sync with \'id\'={sync_id} [WHERE "syncs"."discarded_at" IS NULL]')
