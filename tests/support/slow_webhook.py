"""An admission webhook by HTTPS that holds what it is asked until a test lets it go."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.loopback_https import AUTHORITY, JsonHandler, serving

__all__ = ["SlowWebhook", "running_slow_webhook"]

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
        webhook = {
            "name": "slow.example.com",
            "clientConfig": {"url": self.url, "caBundle": b64encode(AUTHORITY.read_bytes()).decode()},
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

    class Handler(JsonHandler):
        def do_POST(self) -> None:  # noqa: N802 (the name by which http.server calls it)
            review = json.loads(self.body())
            if review["request"].get("dryRun"):
                webhook.rehearsed += 1
            else:
                webhook.asked.set()
                webhook.answer.wait(_PATIENCE)
            told = {"uid": review["request"]["uid"], "allowed": True}
            self.answer(200, {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": told})

    with serving(Handler, "slow webhook") as url:
        webhook = SlowWebhook(url)
        try:
            yield webhook
        finally:
            webhook.answer.set()
