"""Each obstacle: its reason, where it lies, what to do about it, and when it is looked at again."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from tests.support.pictures import BORN, MAPPING, NOW, connected, marked, pictured, registered, stalled, stored, synced

from sync_operator.decide.blocking import registration_obstacle
from sync_operator.decide.match import Claim
from sync_operator.decide.picture import Obstacle, Phase, Picture, WorkspaceView
from sync_operator.decide.registration import registration_step
from sync_operator.model.conditions import Reason
from sync_operator.remote.types import Dialect, Listing, RemoteSync

SLOW = 300.0
SECRET = [{"pointer": "/0/value", "secretKeyRef": {"name": "vectors", "key": "key"}}]


@dataclass(frozen=True)
class Case:
    """A picture, and the obstacle in it."""

    name: str
    picture: Picture
    reason: Reason
    words: tuple[str, ...]
    """Parts of the message: the field first, the remedy last."""
    stalled: bool = False
    waits: bool = False
    retry_after: float | None = None


def listing(*syncs: RemoteSync) -> Listing:
    return Listing(syncs, NOW)


REGISTERED = synced(status=registered(), metadata=marked())
ADOPTING = synced(externalId="5", metadata=marked())
RIVAL = Claim("team/first", True, BORN, "uid-first")
ENDED = Obstacle(Reason.UNAUTHORIZED, "the token has ended; put a valid one into the Secret", waits=True)
REPORTING = synced(status=registered(), driftPolicy="Report")
DRIFTED = stored(pictured(), sync_mode="incremental")
OURS = replace(stored(pictured()), created_at=None)

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
        ("spec.workspaceRef: ", "lives in workspace 1 of", "names workspace 2 of", "put it back"),
        stalled=True,
    ),
    Case(
        "another server, told before its troubles",
        pictured(REGISTERED, workspace=connected(workspace_id=None, obstacle=ENDED)),
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
        pictured(REGISTERED, workspace=connected(obstacle=ENDED), registered=True),
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
        pictured(ADOPTING, rivals=(RIVAL,)),
        Reason.CONFLICT,
        ("spec.externalId: ", "sync 5", "team/first", "delete one of the two"),
        stalled=True,
    ),
    Case(
        "a sync that a Sync of another namespace and account has",
        pictured(ADOPTING, rivals=(replace(RIVAL, holder="secret-team/secret-name", account="8"),)),
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
        pictured(synced(status=registered("5", origin="Adopted"), externalId="5"), gone=True),
        Reason.EXTERNAL_NOT_FOUND,
        ("status.id: ", "sync 5", "remove spec.externalId", "or delete this Sync"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "a sync that is gone, with drift ignored",
        pictured(synced(status=registered(), driftPolicy="Ignore"), gone=True),
        Reason.EXTERNAL_NOT_FOUND,
        ("status.id: ", "set spec.driftPolicy to Correct", "or delete this Sync"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "a sync that is gone, with drift reported",
        pictured(REPORTING, gone=True),
        Reason.DRIFT_FOUND,
        ("status.id: ", "set spec.driftPolicy to Correct", "or delete this Sync"),
        stalled=True,
        retry_after=SLOW,
    ),
    Case(
        "drift that is reported, in the list",
        pictured(REPORTING, seen=DRIFTED, settled=True, registered=True),
        Reason.DRIFT_FOUND,
        ("syncMode: full_refresh → incremental", "write it into the spec", "set spec.driftPolicy to Correct"),
        stalled=True,
    ),
    Case(
        "drift that is reported, as read",
        pictured(REPORTING, remote=DRIFTED, settled=True),
        Reason.DRIFT_FOUND,
        ("syncMode: full_refresh → incremental",),
        stalled=True,
    ),
    Case(
        "a sync that was disabled, with drift reported",
        pictured(REPORTING, remote=stored(pictured(), status="disabled"), settled=True),
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
        ("sync 7 or 8", "changed since", "set spec.externalId", "make this Sync anew"),
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
        pictured(synced(metadata=marked()), listing=listing(), listed_at=NOW, settles_at=NOW + timedelta(seconds=12)),
        Reason.OUTCOME_UNKNOWN,
        ("may still be under way", "looking again"),
        retry_after=12.0,
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
        pictured(synced(status=registered(conditions=stalled(Reason.DRIFT_FOUND)), driftPolicy="Report"), settled=True),
        Reason.DRIFT_FOUND,
        ("as told",),
        stalled=True,
    ),
    Case(
        "a failure of this reconcile, before all that the picture shows",
        pictured(synced(configuration={})).failed(Phase.REGISTRATION, Obstacle(Reason.SERVER_UNAVAILABLE, "no answer")),
        Reason.SERVER_UNAVAILABLE,
        ("no answer",),
    ),
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_obstacle(case: Case) -> None:
    obstacle = registration_obstacle(case.picture)

    assert obstacle is not None
    assert obstacle.reason == case.reason
    assert obstacle.message.startswith(case.words[0] if case.words[0].endswith(": ") else "")
    places = [obstacle.message.find(words) for words in case.words]
    assert -1 not in places, obstacle.message
    assert places == sorted(places), "what and where come before what to do"
    assert (obstacle.stalled, obstacle.waits) == (case.stalled, case.waits)
    assert obstacle.retry_after == case.retry_after
    assert "planted" not in obstacle.message
    assert registration_step(case.picture) is None, "nothing is done while it stands"
