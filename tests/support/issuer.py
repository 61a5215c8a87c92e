"""A small issuer of OpenID Connect on the loopback interface, by HTTPS: discovery, and refresh tokens good for once."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

__all__ = ["AUTHORITY", "CLIENT", "Issuer", "running_issuer"]

_TLS: Final = Path(__file__).parent / "tls"
AUTHORITY: Final = _TLS / "loopback-authority.pem"
"""Who vouches for the issuer's certificate."""
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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_TLS / "loopback.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            found = self.path == _DISCOVERY
            told = {"issuer": issuer.url, "token_endpoint": f"{issuer.url}/token"}
            self._answer(200 if found else 404, told if found else {})

        def do_POST(self) -> None:
            issuer.asked.append(self.path)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._answer(*issuer.renewed(self.headers.get("Authorization", ""), form))

        def _answer(self, status: int, told: dict[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        issuer = Issuer(f"https://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, name="issuer", daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
