"""Authentication and authorization: token, workspace and role, in the server's order (contract section 1)."""

import re
from typing import Final

from aiohttp import web

from sync_operator.sandbox.error_shapes import Refusal, api_error, bad_request, plain_error
from sync_operator.sandbox.state import Store, StoredSync, Token

__all__ = ["STORE", "authenticate", "find_sync", "may_write", "workspace_of"]

STORE = web.AppKey("store", Store)
_LEADING_DIGITS: Final = re.compile(r"[0-9]{1,18}")


def authenticate(request: web.Request) -> Token:
    """The request's token, with its user.

    Raises:
        Refusal: 401, for a missing, unknown or expired token.
    """
    store = request.app[STORE]
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    token = store.tokens.get(value.strip()) if scheme == "Bearer" else None
    if token is None or (token.expires_at is not None and token.expires_at <= store.clock()):
        raise api_error(401, "Unauthorized")
    return token


def workspace_of(request: web.Request, token: Token) -> int:
    """The workspace of the header ``Workspace-Id``; in the documented dialect, the one of the token's account.

    Of a text that begins with digits these are read, and the rest is ignored (contract, part two, section 12, P4).

    Raises:
        Refusal: 400, also for a workspace that the user is not a member of.
    """
    store = request.app[STORE]
    if store.dialect == "documented":
        return min(token.workspaces)
    digits = _LEADING_DIGITS.match(request.headers.get("Workspace-Id", ""))
    if digits is None or int(digits[0]) not in token.workspaces & store.workspaces:
        raise bad_request("Workspace not found")
    return int(digits[0])


def find_sync(store: Store, sync_id: int, workspace_id: int) -> StoredSync | None:
    """A sync of that workspace; None if it does not exist or was deleted."""
    sync = store.syncs.get(sync_id)
    return sync if sync and sync.discarded_at is None and sync.workspace_id == workspace_id else None


def may_write(token: Token) -> None:
    """Check that the user may write.

    Raises:
        Refusal: 403, for the role Viewer.
    """
    if token.role == "Viewer":
        raise api_error(403, "You are not authorized to do this action")


def no_sync(store: Store, sync_id: int, *, runs: bool = False) -> Refusal:
    """The 404 response for a sync; endpoints of runs word it differently than endpoints of syncs."""
    if runs and store.dialect == "documented":
        return Refusal(404, {"message": "Sync not found", "status": "not_found"})
    if runs:
        return api_error(404, "Sync not found")
    return plain_error(404, f'Couldn\'t find Sync with \'id\'={sync_id} [WHERE "syncs"."discarded_at" IS NULL]')
