from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.api.base import Model, rfc3339
from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.run_status import LastRun, RowCounts
from sync_operator.api.statuses.status import (
    ConnectorStatus,
    ConnectorUse,
    ModelStatus,
    ModelUse,
    SyncStatus,
    WorkspaceStatus,
    read_connector_status,
    read_model_status,
    read_sync_status,
    read_workspace_status,
)
from sync_operator.api.statuses.status_fields import Condition, to_dict

NOON = datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [str(field.alias) for field in SyncStatus.model_fields.values()]


def ready(**changes: Any) -> Condition:
    values = {"type": ConditionType.READY, "status": "True", "reason": Reason.SCHEDULED, "last_transition_time": NOON}
    return Condition(**values | changes)


def test_a_status_is_written_in_camel_case_without_what_is_unknown() -> None:
    status = SyncStatus(
        observed_generation=2,
        id="7",
        next_runs=(NOON,),
        last_run=LastRun(id="9", trigger="Schedule", status="success", rows=RowCounts(total=3, succeeded=3)),
        conditions=(ready(message="fine", observed_generation=2),),
    )

    assert to_dict(status) == {
        "observedGeneration": 2,
        "id": "7",
        "nextRuns": ["2026-01-31T12:00:00Z"],
        "lastRun": {
            "id": "9",
            "trigger": "Schedule",
            "status": "success",
            "rows": {"queried": 0, "total": 3, "succeeded": 3, "failed": 0},
        },
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 2,
                "lastTransitionTime": "2026-01-31T12:00:00Z",
                "reason": "Scheduled",
                "message": "fine",
            }
        ],
    }
    assert read_sync_status(to_dict(status)) == status


def test_times_are_utc_and_whole_seconds() -> None:
    status = SyncStatus(last_success_at=NOON.astimezone(timezone(timedelta(hours=2))))

    assert status.last_success_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert rfc3339(NOON.astimezone(timezone(timedelta(hours=-5)))) == "2026-01-31T12:00:00Z"
    assert rfc3339(datetime(33, 1, 31, tzinfo=UTC)) == "0033-01-31T00:00:00Z"


def test_an_empty_status_says_that_nobody_has_looked() -> None:
    assert to_dict(read_sync_status({})) == {"observedGeneration": -1}


@pytest.mark.parametrize("garbage", [None, 3, "text", [], ["id"]])
def test_what_is_no_object_is_an_empty_status(garbage: object) -> None:
    assert read_sync_status(garbage) == SyncStatus()
    assert read_workspace_status(garbage) == WorkspaceStatus()


def test_spoiled_parts_are_left_out_and_the_rest_is_kept() -> None:
    good = to_dict(SyncStatus(conditions=(ready(),)))["conditions"]

    status = read_sync_status(
        {
            "id": "7",
            "url": 5,
            "lastRun": {"id": []},
            "nextRuns": ["soon", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00"],
            "conditions": [{"type": "Ready"}, *good],
            "fromTheFuture": {"a": 1},
        }
    )

    assert (status.id, status.url, status.last_run) == ("7", None, None)
    assert status.next_runs == (NOON.replace(microsecond=0),)
    assert [entry.type for entry in status.conditions] == ["Ready"]


def test_a_workspace_status_is_read_as_it_was_written() -> None:
    status = WorkspaceStatus(observed_generation=1, dialect="Multiwoven", user="a@b.c", syncs=0, conditions=(ready(),))

    assert read_workspace_status(to_dict(status)) == status


@pytest.mark.parametrize(
    ("read", "status"),
    [
        (
            read_connector_status,
            ConnectorStatus(
                id="7", streams=("a",), stream_count=0, used_by=ConnectorUse(models=1), conditions=(ready(),)
            ),
        ),
        (read_model_status, ModelStatus(connector_id=5, columns=("id",), used_by=ModelUse(syncs=2), drift=("a → b",))),
    ],
)
def test_a_status_of_the_pipeline_is_read_as_it_was_written(read: Callable[[object], Model], status: Model) -> None:
    assert read(to_dict(status)) == status
    assert read(None) == type(status)()
    assert read({**to_dict(status), "usedBy": "everybody", "novelty": 1}) == status.model_copy(update={"used_by": None})


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), JSON) | JSON)
def test_no_status_whatever_is_an_error(garbage: object) -> None:
    status = read_sync_status(garbage)

    assert read_sync_status(to_dict(status)) == status
