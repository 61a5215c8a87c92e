"""User impersonation as a kubeconfig asks for it, in the headers of the Kubernetes API."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["impersonation_headers"]


def impersonation_headers(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The headers for a kubeconfig's ``users[].user``; one may be there more than once.

    Raises:
        ValueError: groups, a uid or more are given without a user to impersonate.
    """
    if not user.get("as"):
        others = [name for name in ("as-uid", "as-groups", "as-user-extra") if user.get(name)]
        if others:
            raise ValueError(f"users[].user.{others[0]} is given without users[].user.as")
        return
    yield "Impersonate-User", str(user["as"])
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for name, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{name}", str(value)
