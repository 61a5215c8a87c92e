"""What is sent for a spec, in each dialect, and what a dialect cannot say."""

from typing import Any

import pytest
from tests.support.snapshots import MAPPING, synced

from sync_operator.domain.sync.request_body import request_body
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import Dialect

CRON: dict[str, Any] = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *"}
EVERY: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 30, "syncIntervalUnit": "minutes"}
BOTH: dict[str, Any] = CRON | EVERY | {"scheduleType": "automated"}
IDS = {"source_id": 1, "destination_id": 2, "model_id": 3}
LEAST = IDS | {"configuration": MAPPING, "stream_name": "contacts"}


def body(dialect: Dialect = Dialect.MULTIWOVEN, **spec: Any) -> dict[str, Any]:
    read = synced(**spec).spec
    assert read is not None
    return request_body(read, IDS, dialect, {})


def test_what_the_spec_leaves_out_is_not_sent() -> None:
    assert body() == LEAST | {"schedule_type": "manual", "sync_mode": "full_refresh"}


def test_every_mirrored_field_is_sent_under_its_api_name() -> None:
    sent = body(**BOTH, syncMode="incremental", cursorField="updated_at")

    assert sent == LEAST | {
        "schedule_type": "manual",
        "sync_mode": "incremental",
        "sync_interval": 30,
        "sync_interval_unit": "minutes",
        "cron_expression": "0 6 * * *",
        "cursor_field": "updated_at",
    }


@pytest.mark.parametrize(
    ("spec", "sent"),
    [
        (CRON, "manual"),
        (EVERY, "manual"),
        (BOTH, "manual"),
        (CRON | {"scheduler": "Server"}, "cron_expression"),
        (EVERY | {"scheduler": "Server"}, "interval"),
        (BOTH | {"scheduler": "Server"}, "cron_expression"),
        (EVERY | {"scheduler": "Server", "scheduleType": "automated"}, "interval"),
        ({"scheduler": "Server"}, "manual"),
    ],
)
def test_a_multiwoven_server_schedules_only_what_it_is_to_schedule(spec: dict[str, Any], sent: str) -> None:
    assert body(**spec)["schedule_type"] == sent


def test_a_documented_server_knows_one_schedule_type() -> None:
    for scheduler in ("CronJob", "Server"):
        assert body(Dialect.DOCUMENTED, **BOTH, scheduler=scheduler)["schedule_type"] == "automated"


@pytest.mark.parametrize("configuration", [{}, []])
def test_an_empty_configuration_is_for_the_documented_dialect(configuration: Any) -> None:
    assert body(Dialect.DOCUMENTED, **BOTH, configuration=configuration)["configuration"] == configuration
    with pytest.raises(InvalidSpecError, match="map at least one column"):
        body(configuration=configuration)


@pytest.mark.parametrize(
    ("spec", "field", "remedy"),
    [
        (CRON, "spec.scheduleType", "use 'automated'"),
        ({}, "spec.scheduleType", "use 'automated'"),
        (BOTH | {"syncMode": "incremental"}, "spec.syncMode", "use 'full_refresh'"),
        (BOTH | {"syncIntervalUnit": "hours"}, "spec.syncIntervalUnit", "write it in minutes"),
        (BOTH | {"scheduler": "Server", "suspend": True}, "spec.suspend", "use scheduler 'CronJob', or remove suspend"),
    ],
)
def test_what_the_documented_dialect_has_no_word_for(spec: dict[str, Any], field: str, remedy: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        body(Dialect.DOCUMENTED, **spec)

    assert refused.value.field == field
    assert remedy in str(refused.value)
