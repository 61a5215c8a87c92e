"""An admission webhook by HTTPS that holds what it is asked until a test lets it go."""

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

__all__ = ["SlowWebhook", "running_slow_webhook"]

_TLS: Final = Path(__file__).parent / "tls"
_PATIENCE: Final = 60.0


@dataclass
class SlowWebhook:
    """A webhook that runs.

    Attributes:
        url: its address.
        asked: set once it was asked.
        answer: set by the test to let it answer; it allows everything.
        rehearsed: how often it was asked about a dry run, which it never holds.
    """

    url: str
    asked: threading.Event = field(default_factory=threading.Event)
    answer: threading.Event = field(default_factory=threading.Event)
    rehearsed: int = 0

    def configuration(self, name: str, namespace: str, plurals: list[str]) -> dict[str, Any]:
        """What the API server is to know: it asks about deletions in one namespace."""
        rule = {"apiGroups": ["squared.ai"], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": plurals}
        authority = (_TLS / "loopback-authority.pem").read_bytes()
        webhook = {
            "name": "slow.example.com",
            "clientConfig": {"url": self.url, "caBundle": b64encode(authority).decode()},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 30,
        }
        kind = "ValidatingWebhookConfiguration"
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name},
            "webhooks": [webhook],
        }


@contextmanager
def running_slow_webhook() -> Iterator[SlowWebhook]:
    """Start a webhook on a free port of the loopback interface; in the end it answers what it holds, and stops."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_TLS / "loopback.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if review["request"].get("dryRun"):
                webhook.rehearsed += 1
            else:
                webhook.asked.set()
                webhook.answer.wait(_PATIENCE)
            told = {"uid": review["request"]["uid"], "allowed": True}
            body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": told})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        webhook = SlowWebhook(f"https://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, name="slow webhook", daemon=True)
        thread.start()
        try:
            yield webhook
        finally:
            webhook.answer.set()
            server.shutdown()
            thread.join()
