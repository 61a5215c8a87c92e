"""The sandbox as a process that is ended."""

import json
import socket
from pathlib import Path

import httpx
from tests.support.running import TOKEN, eventually, running_sandbox

SYNC = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "stream_name": "orders",
    "configuration": [{"from": "id", "to": "id", "mapping_type": "standard"}],
    "schedule_type": "interval",
    "sync_interval": 90,
    "sync_interval_unit": "minutes",
    "sync_mode": "full_refresh",
}


def test_it_ends_while_an_answer_is_held_back_for_minutes(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        sandbox.fault(method="POST", path="/syncs", linger=600)
        url, body = httpx.URL(sandbox.url), json.dumps({"sync": SYNC})
        connection = socket.create_connection((url.host, url.port or 0))
        connection.sendall(
            f"POST /api/v1/syncs HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Workspace-Id: 1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        eventually(sandbox.syncs, "the request to be carried out")
    # To leave the block would fail if the process had not ended in time.
    assert connection.recv(1) == b""
    connection.close()
