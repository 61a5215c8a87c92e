"""Scope of data read from a server: server, workspace and account. All data held or shared in memory is keyed by it."""

from hashlib import sha256
from typing import NamedTuple

from sync_operator.api.kinds.workspace import RemoteWorkspace

__all__ = ["Scope", "scope_of"]


class Scope(NamedTuple):
    """One account in one workspace of one server. Data read in one scope is never used in another.

    Claims to the server's syncs are per workspace instead: two accounts of one workspace may see the same syncs.

    Attributes:
        remote_workspace: server and workspace.
        account: identifies the account; it reveals no secret.
    """

    remote_workspace: RemoteWorkspace
    account: str


def scope_of(remote_workspace: RemoteWorkspace, *, account: str, credential: str) -> Scope:
    """The scope of credentials that the server has accepted.

    Args:
        remote_workspace: server and workspace.
        account: the user's id, from the server or the token; empty if unknown.
        credential: identifies the account if its id is unknown: the token, or the e-mail address of a login.
    """
    return Scope(remote_workspace, f"id {account}" if account else f"sha256 {sha256(credential.encode()).hexdigest()}")
