"""A small issuer of OpenID Connect on the loopback interface, by HTTPS: discovery, and refresh tokens good for once."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from tests.support.loopback_https import JsonHandler, serving

__all__ = ["CLIENT", "Issuer", "running_issuer"]

CLIENT: Final = ("operator", "client-secret")
"""Its one client: id and secret."""
_DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass
class Issuer:
    """An issuer that runs.

    Attributes:
        url: its address.
        gives: the id-tokens that it gives, in their order.
        refresh: the refresh token that is good; the n-th that it gives is `after-n`.
        spent: refresh tokens that it took.
        asked: paths of all requests.
    """

    url: str
    gives: list[str] = field(default_factory=list)
    refresh: str = "first"
    spent: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def renewed(self, authorization: str, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """Answer a request for new tokens; status and body."""
        wanted = base64.b64encode(":".join(CLIENT).encode()).decode()
        if authorization != f"Basic {wanted}":
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") != ["refresh_token"] or form.get("refresh_token") != [self.refresh] or not self.gives:
            return 400, {"error": "invalid_grant"}
        self.spent.append(self.refresh)
        self.refresh = f"after-{len(self.spent)}"
        token = {"access_token": "unused", "token_type": "Bearer", "expires_in": 60}
        return 200, token | {"id_token": self.gives.pop(0), "refresh_token": self.refresh}


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Start an issuer on a free port, and stop it in the end."""

    class Handler(JsonHandler):
        def do_GET(self) -> None:  # noqa: N802 (the name by which http.server calls it)
            issuer.asked.append(self.path)
            found = self.path == _DISCOVERY
            told = {"issuer": issuer.url, "token_endpoint": f"{issuer.url}/token"}
            self.answer(200 if found else 404, told if found else {})

        def do_POST(self) -> None:  # noqa: N802 (the name by which http.server calls it)
            issuer.asked.append(self.path)
            form = parse_qs(self.body().decode())
            self.answer(*issuer.renewed(self.headers.get("Authorization", ""), form))

    with serving(Handler, "issuer") as url:
        issuer = Issuer(url)
        yield issuer
