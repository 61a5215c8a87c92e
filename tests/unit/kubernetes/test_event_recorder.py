"""In which order events are written, and how many may wait."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.support.clockwork import run

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.kubernetes.event_recorder import EventRecorder

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Written:
    """In place of the API server: what was written, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.messages: list[str] = []
        self.recorder = EventRecorder(cast("Any", self), busy=lambda: False)

    async def create(self, _resource: object, namespace: str, body: dict[str, Any]) -> None:
        assert body["metadata"]["namespace"] == namespace
        await asyncio.sleep(0)
        self.names.append(body["involvedObject"]["name"])
        self.messages.append(body["message"])

    def record(self, namespace: str, name: str, message: str = "x") -> None:
        metadata = {"namespace": namespace, "name": name, "uid": "u", "resourceVersion": "1"}
        about = {"apiVersion": "squared.ai/v1", "kind": "Sync", "metadata": metadata}
        self.recorder.record(about, EventSpec(Reason.REGISTERED, message), now=NOW)

    async def write(self) -> None:
        """Write all that waits, as at the end."""
        telling = asyncio.create_task(self.recorder.run())
        await asyncio.sleep(0)
        telling.cancel()
        await asyncio.wait([telling])


def test_namespaces_take_turns() -> None:
    written = Written()
    for number in range(4):
        written.record("busy", f"busy-{number}")
    written.record("calm", "calm-0")
    written.record("calm", "calm-1")
    run(written.write())
    assert written.names == ["busy-0", "calm-0", "busy-1", "calm-1", "busy-2", "busy-3"]


def test_a_message_is_one_line_of_bounded_length_whoever_composed_it() -> None:
    written = Written()
    written.record("team", "one", "a\nb\x1b[31m\u202ec")
    written.record("team", "two", "x" * 5000)
    run(written.write())
    assert written.messages == ["a b [31m c", "x" * 1023 + "…"]


def test_one_namespace_leaves_room_for_the_events_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_operator.kubernetes.event_recorder._MAX_QUEUED", 16)
    written = Written()
    for _ in range(50):
        written.record("busy", "busy")
    for number in range(3):
        written.record(f"calm-{number}", "calm")
    run(written.write())
    assert Counter(written.names) == {"busy": 12, "calm": 3}
