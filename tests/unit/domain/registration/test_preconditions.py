"""Each blocker: its reason, where it lies, what to do about it, and when it is looked at again."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.snapshots import BORN, MAPPING, NOW, connected, marked, pictured, registered, stalled, stored, synced

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker, Phase
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.domain.create_fence.unresolved_creates import UnresolvedCreate
from sync_operator.domain.registration.desired_state import desired_body
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.snapshot import Snapshot
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.domain.workspace_view import WorkspaceView
from sync_operator.syncapi.types import Dialect, RemoteList, RemoteSync

SLOW = 300.0
SECRET = [{"pointer": "/0/value", "secretKeyRef": {"name": "vectors", "key": "key"}}]


@dataclass(frozen=True)
class Case:
    """A snapshot, and the blocker in it."""

    name: str
    snapshot: Snapshot
    reason: Reason
    words: tuple[str, ...]
    """Parts of the message: the field first, the remedy last."""
    stalled: bool = False
    waits: bool = False
    retry_after: float | None = None


def listing(*syncs: RemoteSync) -> RemoteList[RemoteSync]:
    return RemoteList(syncs, NOW)


REGISTERED = synced(status=registered(), metadata=marked())
ADOPTING = synced(externalId="5", metadata=marked())
RIVAL = Claim("team/first", True, BORN, "uid-first")
ENDED = Blocker(Reason.UNAUTHORIZED, "the token has ended; put a valid one into the Secret", resolved_by_watch=True)
REPORTING = synced(status=registered(), driftPolicy="Report")
DRIFTED = stored(pictured(), sync_mode="incremental")
OURS = replace(stored(pictured()), created_at=None)

ALIKE = synced(metadata=marked(NOW))
SEEN: dict[str, Any] = {
    "listing": listing(stored(pictured())),
    "listed_at": NOW,
    "indeterminate_until": NOW + timedelta(seconds=3),
}
TWIN = UnresolvedCreate("a", "team/twin", NOW, desired_body(pictured()), SYNC_FIELDS, until=NOW + timedelta(minutes=1))

CASES = [
    Case(
        "a spec that names no schedule that can be",
        pictured(synced(timeZone="Nowhere/Atall")),
        Reason.INVALID_SPEC,
        ("spec.timeZone: ", "Nowhere/Atall"),
        stalled=True,
    ),
    Case(
        "a configuration that the dialect refuses",
        pictured(synced(configuration={})),
        Reason.INVALID_SPEC,
        ("spec.configuration: ", "map at least one column"),
        stalled=True,
    ),
    Case(
        "a schedule type that the dialect has no word for",
        pictured(workspace=connected(dialect=Dialect.DOCUMENTED)),
        Reason.INVALID_SPEC,
        ("spec.scheduleType: ", "use 'automated'"),
        stalled=True,
    ),
    Case(
        "a pointer that leads nowhere",
        pictured(
            synced(configurationSecrets=[{"pointer": "/9/value", "secretKeyRef": {"name": "a", "key": "b"}}]),
            secrets={"/9/value": "planted"},
        ),
        Reason.INVALID_SPEC,
        ("spec.configurationSecrets[0].pointer: ", "'/9/value'", "must be there"),
        stalled=True,
    ),
    Case(
        "another server behind the Workspace",
        pictured(REGISTERED, workspace=connected(url="https://elsewhere.example.com")),
        Reason.WORKSPACE_CHANGED,
        (
            "spec.workspaceRef: ",
            "sync 7",
            "https://elsewhere.example.com",
            "put it back, or set deletionPolicy: Retain",
        ),
        stalled=True,
    ),
    Case(
        "another workspace behind the Workspace",
        pictured(REGISTERED, workspace=connected(workspace_id="2")),
        Reason.WORKSPACE_CHANGED,
        ("spec.workspaceRef: ", "belongs to workspace 1 of", "names workspace 2 of", "put it back"),
        stalled=True,
    ),
    Case(
        "another server, told before its troubles",
        pictured(REGISTERED, workspace=connected(workspace_id=None, blocker=ENDED)),
        Reason.WORKSPACE_CHANGED,
        ("spec.workspaceRef: ", "workspace (none) of", "put it back"),
        stalled=True,
    ),
    Case(
        "no Workspace",
        pictured(workspace=WorkspaceView("default", found=False)),
        Reason.WORKSPACE_NOT_FOUND,
        ("spec.workspaceRef.name: ", "'default'", "'team'", "create it"),
        waits=True,
    ),
    Case(
        "no Workspace any more",
        pictured(REGISTERED, workspace=WorkspaceView("default", found=False), registered=True),
        Reason.WORKSPACE_NOT_FOUND,
        ("spec.workspaceRef.name: ", "create it"),
        waits=True,
    ),
    Case(
        "a Workspace in trouble",
        pictured(REGISTERED, workspace=connected(blocker=ENDED), registered=True),
        Reason.UNAUTHORIZED,
        ("put a valid one into the Secret",),
        waits=True,
    ),
    Case(
        "a suspended Workspace while the server has to be asked",
        pictured(workspace=connected(suspended=True)),
        Reason.WORKSPACE_NOT_READY,
        ("'default'", "set its spec.suspend to false"),
        waits=True,
    ),
    Case(
        "a sync that another Sync has",
        pictured(ADOPTING, competing_claims=(RIVAL,)),
        Reason.CONFLICT,
        ("spec.externalId: ", "sync 5", "team/first", "delete one of the two"),
        stalled=True,
    ),
    Case(
        "a sync that a Sync of another namespace and account has",
        pictured(ADOPTING, competing_claims=(replace(RIVAL, holder="secret-team/secret-name", account="8"),)),
        Reason.CONFLICT,
        ("spec.externalId: ", "sync 5", "a Sync of another namespace"),
        stalled=True,
    ),
    Case(
        "an adopted sync with another stream",
        pictured(ADOPTING, remote=stored(pictured(), "5", stream_name="theirs")),
        Reason.CONFLICT,
        ("spec.streamName: ", "sync 5", "write the server's value into the spec"),
        stalled=True,
    ),
    Case(
        "an adopted sync with a cursor field",
        pictured(ADOPTING, remote=stored(pictured(), "5", cursor_field="at")),
        Reason.CONFLICT,
        ("spec.cursorField: ", "write the server's value into the spec"),
        stalled=True,
    ),
    Case(
        "an update that was taken and not kept",
        pictured(REGISTERED, remote=DRIFTED, updated=True),
        Reason.REJECTED,
        ("spec.syncMode: ", "took the update but kept another value", "write what it keeps"),
        stalled=True,
    ),
    Case(
        "an adopted sync that is gone",
        pictured(synced(status=registered("5", origin="Adopted"), externalId="5"), not_found=True),
        Reason.EXTERNAL_NOT_FOUND,
        ("status.id: ", "sync 5", "remove spec.externalId", "or delete this Sync"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "a sync that is gone, with drift ignored",
        pictured(synced(status=registered(), driftPolicy="Ignore"), not_found=True),
        Reason.EXTERNAL_NOT_FOUND,
        ("status.id: ", "set spec.driftPolicy to Correct", "or delete this Sync"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "a sync that is gone, with drift reported",
        pictured(REPORTING, not_found=True),
        Reason.DRIFT_FOUND,
        ("status.id: ", "set spec.driftPolicy to Correct", "or delete this Sync"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "drift that is reported, in the list",
        pictured(REPORTING, last_listed=DRIFTED, was_in_sync=True, registered=True),
        Reason.DRIFT_FOUND,
        ("syncMode: full_refresh → incremental", "write it into the spec", "set spec.driftPolicy to Correct"),
        stalled=True,
    ),
    Case(
        "drift that is reported, as read",
        pictured(REPORTING, remote=DRIFTED, was_in_sync=True),
        Reason.DRIFT_FOUND,
        ("syncMode: full_refresh → incremental",),
        stalled=True,
    ),
    Case(
        "a sync that was disabled, with drift reported",
        pictured(REPORTING, remote=stored(pictured(), status="disabled"), was_in_sync=True),
        Reason.DRIFT_FOUND,
        ("status: enabled → disabled",),
        stalled=True,
    ),
    Case(
        "syncs that may be ours on a server that tells no ages",
        pictured(synced(metadata=marked()), listing=listing(OURS, replace(OURS, id="8")), listed_at=NOW),
        Reason.OUTCOME_UNKNOWN,
        ("sync 7 or 8", "does not tell when", "set spec.externalId"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "syncs that may be ours, of a spec before this one",
        pictured(
            synced(metadata=marked(), generation=2, syncMode="incremental"),
            listing=listing(stored(pictured(), "8"), stored(pictured(), "7")),
            listed_at=NOW,
        ),
        Reason.OUTCOME_UNKNOWN,
        ("sync 7 or 8", "changed since", "set spec.externalId", "delete this Sync and create it again"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "a sync that may be ours, with the value of a Secret before this one",
        pictured(
            synced(metadata=marked(), configurationSecrets=SECRET),
            secrets={"/0/value": "planted"},
            listing=listing(stored(pictured(), configuration=[MAPPING[0] | {"value": "planted before"}])),
            listed_at=NOW,
        ),
        Reason.OUTCOME_UNKNOWN,
        ("sync 7", "changed since", "set spec.externalId"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "a create that may still be under way",
        pictured(
            synced(metadata=marked()), listing=listing(), listed_at=NOW, indeterminate_until=NOW + timedelta(seconds=12)
        ),
        Reason.OUTCOME_UNKNOWN,
        ("may still be under way", "looking again"),
        retry_after=12.0,
    ),
    Case(
        "a sync that goes to the create of a Sync alike",
        pictured(ALIKE, **SEEN, unresolved=(TWIN,)),
        Reason.OUTCOME_UNKNOWN,
        ("sync 7 on the server", "a create of Sync twin", "until 2026-01-31T12:01:00Z", "set spec.externalId"),
        retry_after=5.0,
    ),
    Case(
        "a sync that may come from the create of a Sync alike in another namespace",
        pictured(ALIKE, **SEEN, unresolved=(replace(TWIN, holder="other/hidden", uid="z"),)),
        Reason.OUTCOME_UNKNOWN,
        ("sync 7 on the server", "a create of a Sync of another namespace,", "until 2026-01-31T12:00:03Z"),
        retry_after=3.0,
    ),
    Case(
        "a sync that is older than the create, which may still be under way",
        pictured(synced(metadata=marked(NOW + timedelta(seconds=9))), **SEEN),
        Reason.OUTCOME_UNKNOWN,
        ("may still be under way", "looking again"),
        retry_after=3.0,
    ),
    Case(
        "a refusal that stands",
        pictured(synced(status=registered(None, conditions=stalled(Reason.REJECTED, "the server's words")))),
        Reason.REJECTED,
        ("the server's words",),
        stalled=True,
    ),
    Case(
        "reported drift that stands, before there is a new list",
        pictured(
            synced(status=registered(conditions=stalled(Reason.DRIFT_FOUND)), driftPolicy="Report"), was_in_sync=True
        ),
        Reason.DRIFT_FOUND,
        ("as told",),
        stalled=True,
    ),
    Case(
        "a failure of this reconcile, before all that the snapshot shows",
        pictured(synced(configuration={})).failed(Phase.REGISTRATION, Blocker(Reason.SERVER_UNAVAILABLE, "no answer")),
        Reason.SERVER_UNAVAILABLE,
        ("no answer",),
    ),
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_blocker(case: Case) -> None:
    blocker = registration_blocker(case.snapshot)

    assert blocker is not None
    assert blocker.reason == case.reason
    assert blocker.message.startswith(case.words[0] if case.words[0].endswith(": ") else "")
    places = [blocker.message.find(words) for words in case.words]
    assert -1 not in places, blocker.message
    assert places == sorted(places), "what and where come before what to do"
    assert (blocker.stalled, blocker.resolved_by_watch) == (case.stalled, case.waits)
    assert blocker.retry_after == case.retry_after
    assert "planted" not in blocker.message
    assert registration_step(case.snapshot) is None, "nothing is done while it stands"
