"""The way to one registered sync: each step follows from the picture alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.pictures import BORN, HOUR, NOW, connected, marked, pictured, registered, repeated, stored, synced

from sync_operator.decide.actions import (
    Action,
    CreateSync,
    ForgetSync,
    ListSyncs,
    MarkCreate,
    ProveWorkspace,
    ReadSecrets,
    ReadSync,
    SetEnabled,
    TakeCreated,
    UpdateSync,
)
from sync_operator.decide.picture import MassAbsence, Phase, Picture
from sync_operator.decide.registration import registration_step
from sync_operator.decide.server import desired_body, is_registered, update_body
from sync_operator.model.names import CREATE_STARTED, FINALIZER
from sync_operator.remote.types import Dialect, Listing, RemoteSync

SECRET = [{"pointer": "/0/value", "secretKeyRef": {"name": "vectors", "key": "key"}}]
BODY = desired_body(pictured())
UPDATE = update_body(pictured())
OURS = stored(pictured())
MARKED = synced(metadata=marked(NOW - timedelta(minutes=10)))
REPEATED = synced(metadata=repeated(NOW - timedelta(minutes=10)))
OLD = replace(OURS, created_at=BORN)
MANY = MassAbsence(6, 9)
REGISTERED = synced(status=registered(), metadata=marked())
SERVER: dict[str, Any] = {
    "scheduler": "Server",
    "scheduleType": "interval",
    "syncInterval": 5,
    "syncIntervalUnit": "hours",
}
REFS = synced(configurationSecrets=SECRET).spec.configuration_secrets  # type: ignore[union-attr]


def listed(*syncs: RemoteSync, **changes: Any) -> dict[str, Any]:
    return {"listing": Listing(syncs, NOW), "listed_at": NOW, "settles_at": NOW} | changes


NEXT: dict[str, tuple[Picture, Action | None]] = {
    "a new Sync": (pictured(), MarkCreate(NOW, fresh=True)),
    "its finalizer is there, and the mark is lost": (
        pictured(synced(metadata={"finalizers": [FINALIZER]})),
        MarkCreate(BORN, fresh=False),
    ),
    "finalizer and mark are lost, and a create is not answered": (
        pictured(create_sent=BODY),
        MarkCreate(BORN, fresh=False),
    ),
    "the mark is there, and the finalizer is lost": (
        pictured(synced(metadata={"annotations": marked()["annotations"]})),
        MarkCreate(BORN, fresh=False),
    ),
    "marked by this process, and nothing sent": (pictured(MARKED, create_fresh=True), CreateSync(BODY)),
    "marked in another life": (pictured(MARKED), ListSyncs(Phase.REGISTRATION)),
    "nothing on the server is ours": (pictured(REPEATED, **listed()), CreateSync(BODY)),
    "the list shows what we made": (pictured(MARKED, **listed(OURS)), TakeCreated(OURS, (), adopted=False)),
    "the list shows several": (
        pictured(MARKED, **listed(replace(OURS, id="10"), replace(OURS, id="9"))),
        TakeCreated(replace(OURS, id="9"), ("10",), adopted=False),
    ),
    "what the list shows belongs to others": (
        pictured(REPEATED, **listed(OURS, claimed=frozenset({"7"}))),
        CreateSync(BODY),
    ),
    "what the list shows is older than the mark": (
        pictured(REPEATED, **listed(replace(OURS, created_at=BORN - timedelta(minutes=6)))),
        CreateSync(BODY),
    ),
    "somebody spoiled the mark": (
        pictured(
            synced(metadata=marked(annotations={CREATE_STARTED: "yesterday/process"})),
            **listed(replace(OURS, created_at=BORN + timedelta(seconds=1))),
        ),
        TakeCreated(replace(OURS, created_at=BORN + timedelta(seconds=1)), (), adopted=False),
    ),
    "the spec has changed since this process has sent it": (
        pictured(
            synced(metadata=marked(), generation=2, syncMode="incremental"),
            create_sent=BODY,
            **listed(OURS),
        ),
        TakeCreated(OURS, (), adopted=False),
    ),
    "what is fixed has changed since this process has sent it": (
        pictured(
            synced(metadata=marked(), generation=2, streamName="better"),
            create_sent=BODY,
            **listed(OURS),
        ),
        None,
    ),
    "the spec has changed since this process has sent it, and it did not get through": (
        pictured(
            synced(metadata=repeated(), generation=2, syncMode="incremental"),
            create_sent=BODY,
            **listed(stored(pictured(), sync_mode="incremental")),
        ),
        CreateSync(BODY | {"sync_mode": "incremental"}),
    ),
    "the spec has changed, but there is just what it says now": (
        pictured(
            synced(metadata=marked(NOW), generation=2),
            **listed(stored(pictured(), "6", sync_mode="incremental"), OURS),
        ),
        TakeCreated(OURS, (), adopted=False),
    ),
    "the spec has not changed, and the list shows another mode": (
        pictured(REPEATED, **listed(stored(pictured(), sync_mode="incremental"))),
        CreateSync(BODY),
    ),
    "the spec has changed, and the list shows another stream": (
        pictured(synced(metadata=repeated(), generation=2), **listed(stored(pictured(), stream_name="theirs"))),
        CreateSync(BODY),
    ),
    "values of Secrets come first": (
        pictured(synced(configurationSecrets=SECRET)),
        ReadSecrets(REFS, Phase.REGISTRATION),
    ),
    "a sync to be adopted": (
        pictured(synced(externalId="5", metadata=marked())),
        ReadSync("5", Phase.REGISTRATION),
    ),
    "a sync to be adopted, and not ours yet": (pictured(synced(externalId="5")), MarkCreate(NOW, fresh=True)),
    "it runs by itself": (
        pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5", schedule_type="interval")),
        UpdateSync("5", UPDATE, take_over=True, changes=()),
    ),
    "it has another mode": (
        pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5", sync_mode="incremental")),
        UpdateSync("5", UPDATE, take_over=False, changes=()),
    ),
    "it is disabled": (
        pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5", status="disabled")),
        SetEnabled("5", enabled=True, changes=()),
    ),
    "it is as it is to be": (pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5")), None),
    "registered, and nothing known of the server": (pictured(REGISTERED, registered=True), None),
    "registered, and the list shows the same": (pictured(REGISTERED, registered=True, seen=OURS), None),
    "registered, and the list shows a change": (
        pictured(REGISTERED, registered=True, settled=True, seen=stored(pictured(), sync_mode="incremental")),
        ReadSync("7", Phase.REGISTRATION),
    ),
    "registered, and lists of a period lack it": (
        pictured(REGISTERED, registered=True, settled=True, missing=True),
        ReadSync("7", Phase.REGISTRATION),
    ),
    "registered, and lists of a period lack it, as they lack many others": (
        pictured(REGISTERED, registered=True, settled=True, missing=True, mass_absence=MANY),
        None,
    ),
    "registered, but its finalizer is lost": (
        pictured(synced(status=registered(), metadata={}), registered=True),
        MarkCreate(NOW, fresh=True),
    ),
    "registered, but its finalizer is lost, and not its mark": (
        pictured(synced(status=registered(), metadata={"annotations": marked()["annotations"]}), registered=True),
        MarkCreate(BORN, fresh=False),
    ),
    "somebody changed it": (
        pictured(REGISTERED, registered=True, settled=True, remote=stored(pictured(), sync_mode="incremental")),
        UpdateSync("7", UPDATE, take_over=False, changes=("syncMode: full_refresh → incremental",)),
    ),
    "somebody gave it a schedule": (
        pictured(REGISTERED, registered=True, settled=True, remote=stored(pictured(), schedule_type="interval")),
        UpdateSync("7", UPDATE, take_over=True, changes=("scheduleType: manual → interval",)),
    ),
    "somebody disabled it": (
        pictured(REGISTERED, registered=True, settled=True, remote=stored(pictured(), status="disabled")),
        SetEnabled("7", enabled=True, changes=("status: enabled → disabled",)),
    ),
    "somebody changed it, and nobody minds": (
        pictured(
            synced(status=registered(), metadata=marked(), driftPolicy="Ignore"),
            registered=True,
            seen=stored(pictured(), sync_mode="incremental"),
            missing=True,
        ),
        None,
    ),
    "the spec changed": (
        pictured(synced(status=registered(), metadata=marked(), generation=2, syncMode="incremental")),
        ReadSync("7", Phase.REGISTRATION),
    ),
    "the spec changed, and the server holds the old one": (
        pictured(synced(status=registered(), metadata=marked(), generation=2, syncMode="incremental"), remote=OURS),
        UpdateSync("7", UPDATE | {"sync_mode": "incremental"}, take_over=False, changes=()),
    ),
    "only the cursor field differs, which no update changes": (
        pictured(REGISTERED, registered=True, seen=stored(pictured(), cursor_field="at")),
        None,
    ),
    "to be suspended on the server": (
        pictured(
            synced(status=registered(), metadata=marked(), generation=2, suspend=True, **SERVER),
            remote=stored(pictured(synced(**SERVER))),
        ),
        SetEnabled("7", enabled=False, changes=()),
    ),
    "gone, as the server says": (pictured(REGISTERED, gone=True, missing=True), ProveWorkspace()),
    "gone, as the server says for the first time": (pictured(REGISTERED, gone=True), None),
    "gone, in the workspace that it lived in": (
        pictured(REGISTERED, gone=True, missing=True, proven=True),
        ForgetSync(),
    ),
    "gone, as many others": (pictured(REGISTERED, gone=True, missing=True, proven=True, mass_absence=MANY), None),
    "to be made anew": (pictured(MARKED, create_fresh=True, recreated=True), ListSyncs(Phase.REGISTRATION)),
    "to be made anew, and nothing is like it": (
        pictured(MARKED, create_fresh=True, recreated=True, **listed(settles_at=NOW + HOUR)),
        CreateSync(BODY),
    ),
    "to be made anew, and somebody has made another one": (
        pictured(MARKED, create_fresh=True, recreated=True, **listed(replace(OLD, id="9"), replace(OLD, id="8"))),
        TakeCreated(replace(OLD, id="8"), ("9",), adopted=True),
    ),
    "to be made anew, and what is like it belongs to others": (
        pictured(MARKED, create_fresh=True, recreated=True, **listed(OURS, claimed=frozenset({"7"}))),
        CreateSync(BODY),
    ),
    "the list shows what is a little older than the mark": (
        pictured(MARKED, **listed(replace(OURS, created_at=NOW - timedelta(minutes=11)))),
        TakeCreated(replace(OURS, created_at=NOW - timedelta(minutes=11)), (), adopted=True),
    ),
    "the list shows what is much younger than the mark": (
        pictured(synced(metadata=marked(NOW - HOUR)), **listed(OURS)),
        TakeCreated(OURS, (), adopted=True),
    ),
    "the list shows what is younger than the mark, and this process has sent it": (
        pictured(synced(metadata=marked(NOW - HOUR)), create_sent=BODY, **listed(OURS)),
        TakeCreated(OURS, (), adopted=False),
    ),
    "the list shows what we made, and an older one": (
        pictured(MARKED, **listed(OURS, replace(OLD, id="6", created_at=NOW - timedelta(minutes=12)))),
        TakeCreated(OURS, ("6",), adopted=False),
    ),
    "the mark was verified some time ago": (
        pictured(MARKED, create_fresh=True, mark_verified=False),
        MarkCreate(NOW, fresh=True),
    ),
    "the mark was verified some time ago, and the outcome of an earlier create is not known": (
        pictured(MARKED, mark_verified=False, **listed()),
        MarkCreate(NOW - timedelta(minutes=10), fresh=False, repeats=True),
    ),
    "the mark was verified just now, and does not say that a create is sent once more": (
        pictured(MARKED, **listed()),
        MarkCreate(NOW - timedelta(minutes=10), fresh=False, repeats=True),
    ),
    "another process has written the mark": (
        pictured(MARKED, process="successor"),
        MarkCreate(NOW - timedelta(minutes=10), fresh=False),
    ),
    "a Workspace whose dialect is not known": (pictured(workspace=connected(dialect=None)), None),
}


@pytest.mark.parametrize("name", NEXT)
def test_next(name: str) -> None:
    picture, action = NEXT[name]

    assert registration_step(replace(picture, looked=picture.remote is not None or picture.gone)) == action


def test_what_an_earlier_answer_told_is_looked_at_again_before_it_is_written_to() -> None:
    known = stored(pictured(), sync_mode="incremental")

    assert registration_step(pictured(MARKED, remote=known)) == ReadSync("7", Phase.REGISTRATION)


def test_values_of_secrets_are_in_the_body_and_not_in_its_words() -> None:
    picture = pictured(
        synced(configurationSecrets=SECRET, metadata=marked()), create_fresh=True, secrets={"/0/value": "planted"}
    )

    action = registration_step(picture)

    assert isinstance(action, CreateSync)
    assert action.body["configuration"][0]["value"] == "planted"
    assert "planted" not in repr(action)
    assert "planted" not in repr(picture)


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
def test_a_server_that_has_no_word_for_the_spec_any_more_is_no_crash(policy: str) -> None:
    sync = synced(status=registered(), metadata=marked(), driftPolicy=policy)
    picture = pictured(sync, workspace=connected(dialect=Dialect.DOCUMENTED), registered=True, seen=OURS, remote=OURS)

    assert registration_step(picture) is None
    assert is_registered(replace(picture, remote=None)) is (policy != "Correct")
    assert not is_registered(picture)
