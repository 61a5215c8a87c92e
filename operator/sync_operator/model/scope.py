"""Whose data something is. Whatever is kept or shared in memory is keyed by it."""

from hashlib import sha256
from typing import NamedTuple

from sync_operator.model.workspace import Place

__all__ = ["Scope", "scope_of"]


class Scope(NamedTuple):
    """One account in one workspace of one server: what one scope was told is never shown in another.

    Claims to the server's syncs are by place instead: two accounts of one workspace may see the same syncs.

    Attributes:
        place: server and workspace.
        account: who asks there; no secret can be read from it.
    """

    place: Place
    account: str


def scope_of(place: Place, *, account: str, credential: str) -> Scope:
    """The scope of credentials that the server has accepted.

    Args:
        place: server and workspace.
        account: the user's id, as the server or the token tells it; empty where neither does.
        credential: what stands for the account where it is unknown: the token, or the e-mail address of a login.
    """
    return Scope(place, f"id {account}" if account else f"sha256 {sha256(credential.encode()).hexdigest()}")
