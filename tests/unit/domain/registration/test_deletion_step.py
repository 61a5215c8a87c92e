"""The order of a deletion, what stays, what is never touched, and what to do when it cannot go on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import BORN, NOW, connected, marked, pictured, registered, stored, synced

from sync_operator.api.enums import DeletionPolicy
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.actions import Action, CancelAndDeleteSync, DeleteCronJob
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.registration.deletion_step import deletion_blocker, keeps
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.registration_actions import (
    CheckCrd,
    DeleteRemote,
    DropFinalizer,
    ListRemotes,
    ReadRemote,
    ReadSecrets,
)
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.domain.status.sync_status import blockers, sync_status
from sync_operator.domain.sync.sync_kind import next_action
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.syncapi.types import RemoteList, RemoteSync

GONE = WorkspaceView("default", found=False)
SECRET = [{"pointer": "/0/value", "secretKeyRef": {"name": "vectors", "key": "key"}}]
WAY_OUT = "set spec.deletionPolicy to Retain"


def deleted(sync_id: str | None = "7", *, origin: str = "Created", mark: bool = True, **spec: Any) -> SyncView:
    status = registered(sync_id, origin=origin) if sync_id else None
    metadata = marked(NOW) if mark else {"finalizers": marked()["finalizers"]}
    return synced(status=status, metadata=metadata | {"deletionTimestamp": NOW.isoformat()}, **spec)


def cleaned(sync: SyncView | None = None, **changes: Any) -> Snapshot:
    return pictured(sync or deleted(), **{"children_deleted": True, "crd_deleted": False} | changes)


def shown(*, status: str = "pending", **attributes: Any) -> Snapshot:
    """The server has shown the sync in this reconcile."""
    return cleaned(remote=stored(pictured(), status=status, **attributes), was_read=True)


def listing(*ids: str) -> RemoteList[RemoteSync]:
    return RemoteList(tuple(stored(pictured(), sync_id) for sync_id in ids), NOW)


def aged(sync_id: str, *minutes: int) -> RemoteList[RemoteSync]:
    """Syncs that were made so long after the mark."""
    found = (replace(stored(pictured(), sync_id), created_at=NOW + timedelta(minutes=after)) for after in minutes)
    return RemoteList(tuple(found), NOW)


def test_first_of_all_nothing_fires_any_more() -> None:
    for workspace in (connected(), GONE, connected(suspended=True)):
        assert next_action(pictured(deleted(), workspace=workspace)) == DeleteCronJob("orders", Phase.DELETION)


def test_a_sync_without_our_finalizer_is_left_alone() -> None:
    assert next_action(pictured(replace(deleted(), finalizers=("others/finalizer",)))) is None


NEXT: dict[str, tuple[Snapshot, Action | None]] = {
    "why it is deleted was not asked": (cleaned(crd_deleted=None), CheckCrd()),
    "why it is deleted was not asked, and nobody knows what a create has made": (
        cleaned(deleted(None), crd_deleted=None),
        CheckCrd(),
    ),
    "why it is deleted does not matter": (cleaned(deleted(origin="Adopted"), crd_deleted=None), DropFinalizer()),
    "the CRD is being deleted": (cleaned(crd_deleted=True), DropFinalizer()),
    "the CRD is being deleted, whatever the policy says": (
        cleaned(deleted(deletionPolicy="Delete"), crd_deleted=True),
        DropFinalizer(),
    ),
    "the CRD is being deleted, and a create was announced": (cleaned(deleted(None), crd_deleted=True), DropFinalizer()),
    "a sync that we made": (cleaned(), ReadRemote("7", Phase.DELETION)),
    "a sync that we made, as the server shows it": (shown(), CancelAndDeleteSync("7")),
    "a sync that is gone, as the server says": (cleaned(was_read=True, not_found=True), DropFinalizer()),
    "a disabled sync, which no run can be canceled of": (shown(status="disabled"), DeleteRemote("7")),
    "a sync that the server schedules, which no run can be canceled of": (
        shown(schedule_type="interval"),
        DeleteRemote("7"),
    ),
    "the sync of somebody else": (shown(stream_name="theirs"), None),
    "another sync of that id, as the list shows": (cleaned(last_listed=stored(pictured(), stream_name="theirs")), None),
    "it is gone on the server": (cleaned(released=True), DropFinalizer()),
    "nothing was ever announced": (cleaned(deleted(None, mark=False)), DropFinalizer()),
    "a create was announced, and nothing sent": (cleaned(deleted(None), create_fresh=True), DropFinalizer()),
    "a create was announced in another life": (cleaned(deleted(None)), ListRemotes(Phase.DELETION)),
    "a create was sent and not answered, and its mark is gone": (
        cleaned(deleted(None, mark=False), create_sent=desired_body(pictured())),
        ListRemotes(Phase.DELETION),
    ),
    "a lost create was found": (
        cleaned(deleted(None), listing=listing("9", "8"), listed_at=NOW, indeterminate_until=NOW),
        CancelAndDeleteSync("8"),
    ),
    "what was found is older than the mark, or much younger": (
        cleaned(deleted(None), listing=aged("8", -1, 16), listed_at=NOW, indeterminate_until=NOW),
        DropFinalizer(),
    ),
    "a lost create was not found": (
        cleaned(deleted(None), listing=listing(), listed_at=NOW, indeterminate_until=NOW),
        DropFinalizer(),
    ),
    "what was found belongs to another": (
        cleaned(deleted(None), listing=listing("8"), listed_at=NOW, indeterminate_until=NOW, claimed=frozenset({"8"})),
        DropFinalizer(),
    ),
    "values of Secrets are needed to know it again": (
        cleaned(deleted(None, configurationSecrets=SECRET)),
        ReadSecrets(synced(configurationSecrets=SECRET).spec.configuration_secrets, Phase.DELETION),  # type: ignore[union-attr]
    ),
    "an adopted sync": (cleaned(deleted(origin="Adopted")), DropFinalizer()),
    "an adopted sync that is to be deleted": (
        cleaned(deleted(origin="Adopted", deletionPolicy="Delete")),
        ReadRemote("7", Phase.DELETION),
    ),
    "a sync that is to stay": (cleaned(deleted(deletionPolicy="Retain")), DropFinalizer()),
    "a sync that is to stay, on a server that is away": (
        cleaned(deleted(deletionPolicy="Retain"), workspace=connected(blocker=Blocker(Reason.UNAUTHORIZED, "x"))),
        DropFinalizer(),
    ),
    "a sync that is to stay, in another workspace": (
        cleaned(deleted(deletionPolicy="Retain"), workspace=connected(workspace_id="2")),
        DropFinalizer(),
    ),
    "one that never was adopted": (cleaned(deleted(None, externalId="5")), DropFinalizer()),
    "one that belongs to an older Sync": (
        cleaned(competing_claims=(Claim("team/first", True, BORN - timedelta(hours=1), "uid-first"),)),
        DropFinalizer(),
    ),
    "credentials that worked last": (
        cleaned(
            workspace=connected(found=False, blocker=Blocker(Reason.WORKSPACE_NOT_FOUND, "x"), credentials_kept=True)
        ),
        ReadRemote("7", Phase.DELETION),
    ),
    "a spec that names no schedule that can be": (
        cleaned(deleted(timeZone="Nowhere/Atall")),
        ReadRemote("7", Phase.DELETION),
    ),
    "a spec that is to stay and names no schedule that can be": (
        cleaned(deleted(timeZone="Nowhere/Atall", deletionPolicy="Retain")),
        DropFinalizer(),
    ),
    "a lost create of this process, and a spec that the server refuses by now": (
        cleaned(
            deleted(None, configuration={}, configurationSecrets=SECRET),
            create_sent=desired_body(pictured()),
            listing=listing("8"),
            listed_at=NOW,
            indeterminate_until=NOW,
        ),
        CancelAndDeleteSync("8"),
    ),
    "a spec that cannot be read, and nothing was ever announced": (
        cleaned(deleted(None, mark=False, scheduleType="sometimes")),
        DropFinalizer(),
    ),
}


@pytest.mark.parametrize("name", NEXT)
def test_next(name: str) -> None:
    snapshot, action = NEXT[name]

    assert next_action(snapshot) == action
    assert action == DropFinalizer() or not keeps(snapshot)


STUCK: dict[str, tuple[Snapshot, float | None, bool]] = {
    "no Workspace": (cleaned(workspace=GONE), None, True),
    "a Workspace in trouble": (
        cleaned(workspace=connected(blocker=Blocker(Reason.FORBIDDEN, "the role may not", retry_after=300.0))),
        300.0,
        False,
    ),
    "a suspended Workspace": (cleaned(workspace=connected(suspended=True)), None, True),
    "another workspace": (cleaned(workspace=connected(workspace_id="2")), None, False),
    "a server that does not answer": (
        cleaned().failed(Phase.DELETION, Blocker(Reason.SERVER_UNAVAILABLE, "no answer")),
        None,
        False,
    ),
    "a create that may still be under way": (
        cleaned(deleted(None), listing=listing(), listed_at=NOW, indeterminate_until=NOW + timedelta(seconds=12)),
        12.0,
        False,
    ),
    "a spec that cannot be read": (
        cleaned(deleted(scheduleType="sometimes", deletionPolicy="Retain")),
        None,
        False,
    ),
    "a lost create, and a spec that cannot be read": (
        cleaned(deleted(None, scheduleType="sometimes")),
        None,
        False,
    ),
    "a lost create of another process, and a spec that the server refuses by now": (
        cleaned(deleted(None, configuration={}), listing=listing("8"), listed_at=NOW, indeterminate_until=NOW),
        300.0,
        False,
    ),
    "a server that tells no ages": (
        cleaned(
            deleted(None),
            listing=RemoteList((replace(stored(pictured()), created_at=None),), NOW),
            listed_at=NOW,
            indeterminate_until=NOW,
        ),
        300.0,
        False,
    ),
}


@pytest.mark.parametrize("name", STUCK)
def test_a_deletion_that_cannot_go_on_says_why_and_the_way_out(name: str, messages: Messages) -> None:
    snapshot, retry_after, waits = STUCK[name]

    assert next_action(snapshot) is None
    blocker = deletion_blocker(snapshot)
    assert blocker is not None
    assert blocker.reason is Reason.DELETE_FAILED
    assert WAY_OUT in blocker.message
    messages(blocker)
    assert (blocker.retry_after, blocker.resolved_by_watch, blocker.stalled) == (retry_after, waits, False)
    assert blockers(snapshot) == (blocker,)
    ready = {entry.type: entry for entry in sync_status(snapshot).conditions}
    assert (ready["Ready"].status, ready["Ready"].reason) == ("False", "DeleteFailed")
    assert ready["Reconciling"].message == blocker.message


@pytest.mark.parametrize("name", [name for name in STUCK if "read" not in name and "answer" not in name])
def test_retain_lets_it_go_whatever_stands_in_the_way(name: str) -> None:
    snapshot = STUCK[name][0]
    spec = snapshot.sync.spec
    assert spec is not None
    kept = spec.model_copy(update={"deletion_policy": DeletionPolicy.RETAIN})

    assert next_action(replace(snapshot, sync=replace(snapshot.sync, spec=kept))) == DropFinalizer()
