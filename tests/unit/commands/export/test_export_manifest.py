from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.judging import documents_of

from sync_operator.commands.export.export_manifest import export_sync
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.syncapi.types import Dialect, RemoteSync

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
VIEW = WorkspaceView("default", url="https://api.example.com", workspace_id="1", dialect=Dialect.MULTIWOVEN)
HELD: dict[str, Any] = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "schedule_type": "manual",
    "configuration": [{"to": "b", "from": "a", "mapping_type": "standard"}],
    "stream_name": "orders",
    "sync_mode": "full_refresh",
    "sync_interval": None,
    "cron_expression": None,
}


def remote(**changes: Any) -> RemoteSync:
    return RemoteSync("7", HELD | changes, status="healthy")


def spec_of(**changes: Any) -> dict[str, Any]:
    exported = export_sync(remote(**changes), VIEW, None, NOW)
    assert exported.refused == ""
    (document,), _ = documents_of(exported.text)
    spec: dict[str, Any] = document.value["spec"]
    return spec


def test_ids_that_the_server_writes_as_text_become_numbers_and_the_servers_own_id_text() -> None:
    spec = spec_of(source_id="1", model_id="3")

    assert (spec["sourceId"], spec["modelId"], spec["externalId"]) == (1, 3, "7")


def test_what_the_schedule_type_does_not_use_is_left_out() -> None:
    assert not {"syncInterval", "syncIntervalUnit", "cronExpression"} & set(
        spec_of(sync_interval=-5, cron_expression="zzz")
    )


def test_items_begin_with_where_from_and_where_to() -> None:
    assert list(spec_of()["configuration"][0]) == ["from", "to", "mapping_type"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sync_mode": None}, "syncMode: (none) → full_refresh"),
        ({"source_id": None}, "spec.sourceId: is missing"),
        ({"stream_name": ""}, "spec.streamName: '' is too short"),
        ({"configuration": {}}, "InvalidSpec: spec.configuration: is empty"),
        ({"schedule_type": "hourly"}, "spec.scheduleType: 'hourly' is not known"),
        ({"configuration": {"": {"token": "x"}}}, "spec.configurationSecrets[0].pointer"),
    ],
)
def test_a_sync_that_no_manifest_takes_over_as_it_is_is_refused_with_the_reason(
    changes: dict[str, Any], words: str
) -> None:
    assert words in export_sync(remote(**changes), VIEW, None, NOW).refused
