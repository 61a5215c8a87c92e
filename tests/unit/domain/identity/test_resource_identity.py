"""Whose sync it is that a server shows under a registered id: never written, run or deleted unless it is ours."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.manifests import BY_NAME
from tests.support.messages import Messages
from tests.support.snapshots import (
    BORN,
    NOW,
    connected,
    finished_job,
    marked,
    ours,
    pictured,
    registered,
    stored,
    synced,
)

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.actions import CancelAndDeleteSync, DeleteCronJob, SetEnabled
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.identity.resource_identity import identity_conflict, identity_error_changed, lacks_identity
from sync_operator.domain.registration.deletion_step import deletion_blocker
from sync_operator.domain.registration.preconditions import registration_blocker, workspace_changed
from sync_operator.domain.registration.registration_actions import ReadRemote, UpdateRemote
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.runs.runs_step import run_step
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest
from sync_operator.domain.scheduling.scheduling_step import suspended
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.status.sync_status import sync_status
from sync_operator.domain.sync.sync_kind import next_action
from sync_operator.syncapi.types import RemoteSync

INTERVAL: dict[str, Any] = {"scheduleType": "interval", "syncInterval": 6, "syncIntervalUnit": "hours"}
KNOWN = registered(registered_at=NOW, account="4", source_id=1, destination_id=2, model_id=3)
MINE = stored(pictured())


def shown(remote: RemoteSync, status: Any = KNOWN, **spec: Any) -> Snapshot:
    """What the server has shown in this reconcile."""
    return pictured(ours(status, **spec), remote=remote, was_read=True, workspace=connected(account="4"))


STRANGERS: dict[str, tuple[RemoteSync, str]] = {
    "made at another time": (replace(MINE, created_at=NOW + timedelta(seconds=1)), "status.registeredAt"),
    "made before, as after a restore": (replace(MINE, created_at=BORN), "status.registeredAt"),
    "another source": (stored(pictured(), source_id=11), "spec.sourceId"),
    "another destination": (stored(pictured(), destination_id="12"), "spec.destinationId"),
    "another model": (stored(pictured(), model_id=13), "spec.modelId"),
    "another stream": (stored(pictured(), stream_name="invoices"), "spec.streamName"),
    "a cursor field that we never wrote": (stored(pictured(), cursor_field="at"), "spec.cursorField"),
    "all of it": (stored(pictured(), source_id=11, stream_name="invoices"), "spec.sourceId, spec.streamName"),
}


@pytest.mark.parametrize(
    ("recorded", "made", "same"), [(0, 750, True), (750, 0, True), (750, 751, True), (250, 750, False)]
)
def test_times_are_compared_as_exactly_as_both_are_known(recorded: int, made: int, same: bool) -> None:
    status = KNOWN.model_copy(update={"registered_at": NOW + timedelta(milliseconds=recorded)})

    snapshot = shown(replace(MINE, created_at=NOW + timedelta(milliseconds=made)), status)

    assert (registration_blocker(snapshot) is None) == same
    assert (sync_status(snapshot).registered_at or NOW) == NOW + timedelta(milliseconds=recorded), "it is kept as it is"


@pytest.mark.parametrize("name", STRANGERS)
def test_another_sync_at_our_id_is_told_and_left_alone(name: str, messages: Messages) -> None:
    remote, fields = STRANGERS[name]
    snapshot = shown(remote, **INTERVAL)

    blocker = registration_blocker(snapshot)

    assert blocker is not None
    assert (blocker.reason, blocker.stalled) == (Reason.CONFLICT, True)
    assert blocker.message.startswith(f"{fields}: ")
    messages(blocker)
    assert suspended(snapshot)
    assert not isinstance(next_action(snapshot), UpdateRemote | SetEnabled)
    assert run_step(replace(snapshot, jobs=(finished_job("a"),))) is None
    status = sync_status(snapshot)
    assert (status.id, status.registered_at, status.account) == ("7", NOW, "4")


@pytest.mark.parametrize("name", STRANGERS)
def test_another_sync_at_our_id_is_not_deleted(name: str, messages: Messages) -> None:
    remote, fields = STRANGERS[name]
    gone = synced(status=KNOWN, metadata=marked() | {"deletionTimestamp": NOW.isoformat()})
    seen = {"remote": remote, "was_read": True, "children_deleted": True, "crd_deleted": False}
    snapshot = pictured(gone, workspace=connected(account="4"), **seen)

    blocker = deletion_blocker(snapshot)

    assert next_action(snapshot) is None
    assert blocker is not None
    assert blocker.reason is Reason.DELETE_FAILED
    assert f"{fields}: " in blocker.message
    messages(blocker)
    assert blocker.retry_after


SAME: dict[str, Snapshot] = {
    "to the letter": shown(MINE),
    "with parts of seconds": shown(replace(MINE, created_at=NOW + timedelta(milliseconds=678))),
    "a server that tells no time": shown(replace(MINE, created_at=None)),
    "ids as texts": shown(stored(pictured(), source_id="1", model_id="3")),
    "another mode, which is drift": shown(stored(pictured(), sync_mode="incremental")),
    "a server that keeps no cursor field": shown(
        stored(pictured(), cursor_field=None), cursorField="at", syncMode="incremental"
    ),
    "a server that tells less": shown(replace(MINE, attributes={"stream_name": "contacts"})),
    "by names, as the status tells their ids": shown(MINE, **BY_NAME),
    "by names that no status tells": shown(stored(pictured(), source_id=11), registered(registered_at=NOW), **BY_NAME),
    "of an earlier release": shown(replace(MINE, created_at=BORN), registered()),
}


@pytest.mark.parametrize("name", SAME)
def test_ours_is_ours(name: str) -> None:
    assert identity_conflict(SAME[name]) is None


def test_a_list_is_enough_to_doubt_and_not_enough_to_write() -> None:
    before = pictured(ours(KNOWN), registered=True, was_in_sync=True)

    other = replace(before, last_listed=replace(MINE, created_at=BORN))
    drifted = replace(before, last_listed=stored(pictured(), sync_mode="incremental"))

    assert registration_blocker(other) is not None
    assert registration_step(other) is None
    assert identity_error_changed(other)
    assert next_action(drifted) == ReadRemote("7", Phase.REGISTRATION)


def test_the_credentials_of_another_account_change_nothing(messages: Messages) -> None:
    snapshot = replace(shown(MINE, **INTERVAL), workspace=connected(account="5"))

    blocker = workspace_changed(snapshot)

    assert blocker is not None
    assert blocker.reason is Reason.WORKSPACE_CHANGED
    messages(blocker)
    assert suspended(snapshot)
    assert sync_status(snapshot).account == "4"


@pytest.mark.parametrize(("told", "known"), [("", "5"), ("4", ""), ("", "")])
def test_an_account_that_is_not_told_changes_nothing(told: str, known: str) -> None:
    status = KNOWN.model_copy(update={"account": told or None})

    assert workspace_changed(pictured(ours(status), workspace=connected(account=known))) is None


FORMER = "https://before.example.com"


def test_a_former_address_of_the_server_is_read_as_the_present_one() -> None:
    status = KNOWN.model_copy(update={"url": f"{FORMER}/"})
    moved = pictured(ours(status), workspace=connected(account="4"), registered=True, was_in_sync=True)
    told = replace(moved, workspace=replace(moved.workspace, previous_urls=(FORMER,)))

    assert workspace_changed(moved) is not None
    assert workspace_changed(told) is None
    assert sync_status(told).url == f"{FORMER}/", "until the server has shown the sync there"
    assert sync_status(replace(told, last_listed=MINE)).url == moved.workspace.url
    other = replace(told, last_listed=replace(MINE, created_at=BORN))
    assert registration_blocker(other) is not None
    assert sync_status(other).url == f"{FORMER}/"
    other = replace(told, remote=replace(MINE, created_at=BORN), was_read=True)
    assert sync_status(other).url == f"{FORMER}/"
    elsewhere = replace(told, workspace=replace(told.workspace, workspace_id="2"))
    assert workspace_changed(elsewhere) is not None


def test_a_workspace_id_is_a_number() -> None:
    status = KNOWN.model_copy(update={"workspace_id": "00001"})

    assert workspace_changed(pictured(ours(status), workspace=connected(account="4", workspace_id="01"))) is None


def test_what_a_sync_is_known_by_is_written_with_its_id() -> None:
    made = pictured(synced(metadata=marked()), remote=MINE, was_read=True, workspace=connected(account="4"))

    status = sync_status(made)

    assert (status.id, status.registered_at, status.account) == ("7", NOW, "4")


def test_what_an_earlier_release_registered_is_known_once_all_agrees() -> None:
    old = pictured(ours(registered()), registered=True, was_in_sync=True, workspace=connected(account="4"))

    assert not lacks_identity(old)
    assert not lacks_identity(replace(old, last_listed=stored(pictured(), stream_name="theirs")))
    assert not lacks_identity(replace(old, last_listed=stored(pictured(), sync_mode="incremental")))
    same = replace(old, last_listed=MINE)
    assert lacks_identity(same)
    assert (sync_status(same).registered_at, sync_status(same).account) == (NOW, "4")
    assert not lacks_identity(replace(same, sync=ours(sync_status(same))))


def test_a_cronjob_stays_suspended_until_the_server_has_shown_the_sync() -> None:
    conflicting = shown(replace(MINE, created_at=BORN), **INTERVAL)
    live = cronjob_manifest(conflicting, "7", suspended=True)
    away = Blocker(Reason.SERVER_UNAVAILABLE, "no answer")
    told = replace(
        conflicting, remote=None, was_read=False, sync=ours(sync_status(conflicting), **INTERVAL), cronjob=live
    )

    assert suspended(told.failed(Phase.REGISTRATION, away))
    assert not suspended(replace(told, remote=MINE, was_read=True))


def test_a_run_pod_is_told_which_sync_it_may_run() -> None:
    made = pictured(synced(metadata=marked()), remote=MINE, was_read=True)
    told = pictured(ours(KNOWN), last_listed=MINE)

    for snapshot in (made, told):
        manifest = cronjob_manifest(snapshot, "7", suspended=False)
        [container] = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        assert {"name": "SYNC_REGISTERED_AT", "value": "2026-01-31T12:00:00Z"} in container["env"]


def test_a_deletion_looks_first() -> None:
    gone = synced(status=KNOWN, metadata=marked() | {"deletionTimestamp": NOW.isoformat()})
    snapshot = pictured(gone, crd_deleted=False)

    assert next_action(snapshot) == DeleteCronJob("orders", Phase.DELETION)
    assert next_action(replace(snapshot, children_deleted=True, last_listed=MINE)) == ReadRemote("7", Phase.DELETION)
    assert next_action(replace(snapshot, children_deleted=True, remote=MINE)) == ReadRemote("7", Phase.DELETION)
    assert next_action(replace(snapshot, children_deleted=True, remote=MINE, was_read=True)) == CancelAndDeleteSync("7")


def test_runs_are_read_where_the_sync_is_known_to_be_ours() -> None:
    snapshot = pictured(ours(KNOWN), jobs=(finished_job("a"),), registered=True)

    assert run_step(snapshot) == ReadRemote("7", Phase.RUNS)
    assert run_step(replace(snapshot, last_listed=replace(MINE, created_at=BORN))) is None
    assert run_step(replace(snapshot, was_read=True, not_found=True)) is None
