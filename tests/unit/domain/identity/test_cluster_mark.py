"""A Sync that was copied from another cluster: nothing is done for it until somebody says the other one is gone."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import marked, pictured, registered, stored, synced

from sync_operator.api.constants import CLUSTER_ANNOTATION, RUN_REQUESTED_AT_ANNOTATION, TAKE_OVER_ANNOTATION
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.identity.cluster_mark import cluster_marks
from sync_operator.domain.registration.registration_actions import (
    DropFinalizer,
    RecordClusterUid,
    RecordCreateIntent,
    UpdateRemote,
)
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.sync_status import blockers, sync_status
from sync_operator.domain.sync.sync_kind import next_action

HERE, THERE = "uid-here", "uid-there"


def copied(sync_id: str | None = "7", annotations: Mapping[str, str] | None = None, **at: Any) -> Snapshot:
    metadata = marked(**at)
    metadata["annotations"] = metadata["annotations"] | {CLUSTER_ANNOTATION: THERE, **(annotations or {})}
    status = registered(sync_id) if sync_id else None
    sync = synced(status=status, metadata=metadata, scheduleType="cron_expression", cronExpression="0 1 * * *")
    return pictured(sync, cluster=HERE)


@pytest.mark.parametrize("sync_id", ["7", None])
@pytest.mark.parametrize(
    "annotations", [{}, {RUN_REQUESTED_AT_ANNOTATION: "now"}, {TAKE_OVER_ANNOTATION: "yes"}], ids=str
)
def test_nothing_is_done_for_a_copy_and_it_says_what_to_do(
    sync_id: str | None, annotations: dict[str, str], messages: Messages
) -> None:
    snapshot = copied(sync_id, annotations)

    assert next_action(snapshot) is None
    [blocker] = blockers(snapshot)
    assert (blocker.reason, blocker.stalled) == (Reason.CLUSTER_CHANGED, True)
    messages(blocker)
    assert sync_status(snapshot).id == sync_id


def test_a_copy_that_is_deleted_leaves_the_servers_sync() -> None:
    snapshot = copied(deletionTimestamp="2026-01-31T12:00:00Z")

    assert next_action(pictured(snapshot.sync, cluster=HERE, children_deleted=True)) == DropFinalizer()


def test_a_copy_whose_original_is_gone_is_marked_and_goes_on() -> None:
    assert next_action(copied(annotations={TAKE_OVER_ANNOTATION: "true"})) == RecordClusterUid()
    assert cluster_marks(HERE) == {CLUSTER_ANNOTATION: HERE, TAKE_OVER_ANNOTATION: None}


def test_an_older_sync_is_marked_when_it_is_written_to_anyway() -> None:
    in_place = pictured(synced(status=registered()), cluster=HERE, registered=True, last_listed=stored(pictured()))
    changed = pictured(in_place.sync, cluster=HERE, remote=stored(pictured(), sync_mode="incremental"))

    assert not isinstance(next_action(in_place), RecordClusterUid)
    assert next_action(changed) == RecordClusterUid()


def test_where_the_cluster_is_not_known_nothing_is_marked() -> None:
    changed = pictured(synced(status=registered()), remote=stored(pictured(), sync_mode="incremental"), was_read=True)

    assert isinstance(next_action(changed), UpdateRemote)
    assert next_action(pictured(synced(), cluster="")) == RecordCreateIntent(pictured().now, fresh=True)
    assert cluster_marks("") == {}
