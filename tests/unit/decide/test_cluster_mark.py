"""A Sync that was copied from another cluster: nothing is done for it until somebody says the other one is gone."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.pictures import marked, pictured, registered, stored, synced

from sync_operator.decide.actions import DropFinalizer, MarkCluster, MarkCreate, UpdateSync
from sync_operator.decide.cluster_mark import cluster_marks
from sync_operator.decide.picture import Picture
from sync_operator.decide.report import obstacles, sync_status
from sync_operator.decide.steps import next_action
from sync_operator.model.conditions import Reason
from sync_operator.model.names import CLUSTER, RUN_REQUESTED_AT, TAKE_OVER

HERE, THERE = "uid-here", "uid-there"


def copied(sync_id: str | None = "7", annotations: Mapping[str, str] | None = None, **at: Any) -> Picture:
    metadata = marked(**at)
    metadata["annotations"] = metadata["annotations"] | {CLUSTER: THERE, **(annotations or {})}
    status = registered(sync_id) if sync_id else None
    sync = synced(status=status, metadata=metadata, scheduleType="cron_expression", cronExpression="0 1 * * *")
    return pictured(sync, cluster=HERE)


@pytest.mark.parametrize("sync_id", ["7", None])
@pytest.mark.parametrize("annotations", [{}, {RUN_REQUESTED_AT: "now"}, {TAKE_OVER: "yes"}], ids=str)
def test_nothing_is_done_for_a_copy_and_it_says_what_to_do(sync_id: str | None, annotations: dict[str, str]) -> None:
    picture = copied(sync_id, annotations)

    assert next_action(picture) is None
    [obstacle] = obstacles(picture)
    assert (obstacle.reason, obstacle.stalled) == (Reason.CLUSTER_CHANGED, True)
    assert f"kubectl annotate sync orders -n team {TAKE_OVER}=true" in obstacle.message
    assert sync_status(picture).id == sync_id


def test_a_copy_that_is_deleted_leaves_the_servers_sync() -> None:
    picture = copied(deletionTimestamp="2026-01-31T12:00:00Z")

    assert next_action(pictured(picture.sync, cluster=HERE, cleaned=True)) == DropFinalizer()


def test_a_copy_whose_original_is_gone_is_marked_and_goes_on() -> None:
    assert next_action(copied(annotations={TAKE_OVER: "true"})) == MarkCluster()
    assert cluster_marks(HERE) == {CLUSTER: HERE, TAKE_OVER: None}


def test_an_older_sync_is_marked_when_it_is_written_to_anyway() -> None:
    in_place = pictured(synced(status=registered()), cluster=HERE, registered=True, seen=stored(pictured()))
    changed = pictured(in_place.sync, cluster=HERE, remote=stored(pictured(), sync_mode="incremental"))

    assert not isinstance(next_action(in_place), MarkCluster)
    assert next_action(changed) == MarkCluster()


def test_where_the_cluster_is_not_known_nothing_is_marked() -> None:
    changed = pictured(synced(status=registered()), remote=stored(pictured(), sync_mode="incremental"), looked=True)

    assert isinstance(next_action(changed), UpdateSync)
    assert next_action(pictured(synced(), cluster="")) == MarkCreate(pictured().now, fresh=True)
    assert cluster_marks("") == {}
