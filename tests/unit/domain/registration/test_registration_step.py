"""The way to one registered sync: each step follows from the snapshot alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.snapshots import BORN, HOUR, NOW, connected, marked, pictured, registered, repeated, stored, synced

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION, FINALIZER
from sync_operator.domain.actions import Action, SetEnabled, TakeOverSync
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.desired_state import desired_body, is_registered, update_body
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    ForgetRemote,
    ListRemotes,
    LookForEqual,
    ReadRemote,
    ReadSecrets,
    RecordCreateIntent,
    UpdateRemote,
    VerifyWorkspace,
)
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.registration.resource_snapshot import MassAbsence
from sync_operator.domain.snapshot import Snapshot
from sync_operator.syncapi.types import Dialect, RemoteList, RemoteSync

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
    return {"listing": RemoteList(syncs, NOW), "listed_at": NOW, "indeterminate_until": NOW} | changes


NEXT: dict[str, tuple[Snapshot, Action | None]] = {
    "a new Sync": (pictured(), RecordCreateIntent(NOW, fresh=True)),
    "a new Sync, and nothing is known of what the server has": (pictured(adoptable=None), LookForEqual()),
    "a new Sync that takes nothing": (
        pictured(synced(adoptionPolicy="Create"), adoptable=None),
        RecordCreateIntent(NOW, fresh=True),
    ),
    "a new Sync that names what it takes": (
        pictured(synced(externalId="5"), adoptable=None),
        RecordCreateIntent(NOW, fresh=True),
    ),
    "a new Sync, and there is one like it": (pictured(adoptable=True), RecordCreateIntent(NOW, fresh=True)),
    "its create was refused, and nothing is known of what the server has": (
        pictured(MARKED, create_fresh=True, adoptable=None),
        LookForEqual(),
    ),
    "marked by this process, and there is one like it": (
        pictured(MARKED, create_fresh=True, adoptable=True),
        ListRemotes(Phase.REGISTRATION),
    ),
    "marked by this process, and there are several like it": (
        pictured(MARKED, create_fresh=True, adoptable=True, **listed(replace(OLD, id="10"), replace(OLD, id="9"))),
        AdoptCreated(replace(OLD, id="9"), ("10",), adopted=True),
    ),
    "marked by this process, and the one like it was made just now": (
        pictured(MARKED, create_fresh=True, adoptable=True, **listed(OURS)),
        AdoptCreated(OURS, (), adopted=True),
    ),
    "marked by this process, and the one like it belongs to others by now": (
        pictured(MARKED, create_fresh=True, adoptable=True, **listed(OLD, claimed=frozenset({"7"}))),
        CreateRemote(BODY),
    ),
    "marked by this process, and the one like it was changed": (
        pictured(MARKED, create_fresh=True, adoptable=True, **listed(stored(pictured(), sync_mode="incremental"))),
        CreateRemote(BODY),
    ),
    "marked by this process, and the list took long": (
        pictured(MARKED, create_fresh=True, adoptable=True, intent_verified=False, **listed()),
        RecordCreateIntent(NOW, fresh=True),
    ),
    "its finalizer is there, and the mark is lost": (
        pictured(synced(metadata={"finalizers": [FINALIZER]})),
        RecordCreateIntent(BORN, fresh=False),
    ),
    "finalizer and mark are lost, and a create is not answered": (
        pictured(create_sent=BODY),
        RecordCreateIntent(BORN, fresh=False),
    ),
    "the mark is there, and the finalizer is lost": (
        pictured(synced(metadata={"annotations": marked()["annotations"]})),
        RecordCreateIntent(BORN, fresh=False),
    ),
    "marked by this process, and nothing sent": (pictured(MARKED, create_fresh=True), CreateRemote(BODY)),
    "marked in another life": (pictured(MARKED), ListRemotes(Phase.REGISTRATION)),
    "nothing on the server is ours": (pictured(REPEATED, **listed()), CreateRemote(BODY)),
    "the list shows what we made": (pictured(MARKED, **listed(OURS)), AdoptCreated(OURS, (), adopted=False)),
    "the list shows several": (
        pictured(MARKED, **listed(replace(OURS, id="10"), replace(OURS, id="9"))),
        AdoptCreated(replace(OURS, id="9"), ("10",), adopted=False),
    ),
    "what the list shows belongs to others": (
        pictured(REPEATED, **listed(OURS, claimed=frozenset({"7"}))),
        CreateRemote(BODY),
    ),
    "what the list shows is older than the mark": (
        pictured(REPEATED, **listed(OLD)),
        AdoptCreated(OLD, (), adopted=True),
    ),
    "what the list shows is older than the mark, and a late create has to be looked for": (
        pictured(MARKED, **listed(OLD)),
        RecordCreateIntent(NOW - timedelta(minutes=10), fresh=False, repeats=True),
    ),
    "what the list shows is older than the mark, and the Sync takes nothing": (
        pictured(synced(adoptionPolicy="Create", metadata=repeated(NOW - timedelta(minutes=10))), **listed(OLD)),
        CreateRemote(BODY),
    ),
    "somebody spoiled the mark": (
        pictured(
            synced(metadata=marked(annotations={CREATE_STARTED_ANNOTATION: "yesterday/process"})),
            **listed(replace(OURS, created_at=BORN + timedelta(seconds=1))),
        ),
        AdoptCreated(replace(OURS, created_at=BORN + timedelta(seconds=1)), (), adopted=False),
    ),
    "the spec has changed since this process has sent it": (
        pictured(
            synced(metadata=marked(), generation=2, syncMode="incremental"),
            create_sent=BODY,
            **listed(OURS),
        ),
        AdoptCreated(OURS, (), adopted=False),
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
            synced(metadata=repeated(), generation=2, syncMode="incremental", adoptionPolicy="Create"),
            create_sent=BODY,
            **listed(stored(pictured(), sync_mode="incremental")),
        ),
        CreateRemote(BODY | {"sync_mode": "incremental"}),
    ),
    "the spec has changed since this process has sent it, and there is just what it says now": (
        pictured(
            synced(metadata=repeated(), generation=2, syncMode="incremental"),
            create_sent=BODY,
            **listed(stored(pictured(), sync_mode="incremental")),
        ),
        AdoptCreated(stored(pictured(), sync_mode="incremental"), (), adopted=True),
    ),
    "the spec has changed, but there is just what it says now": (
        pictured(
            synced(metadata=marked(NOW), generation=2),
            **listed(stored(pictured(), "6", sync_mode="incremental"), OURS),
        ),
        AdoptCreated(OURS, (), adopted=False),
    ),
    "the spec has not changed, and the list shows another mode": (
        pictured(REPEATED, **listed(stored(pictured(), sync_mode="incremental"))),
        CreateRemote(BODY),
    ),
    "the spec has changed, and the list shows another stream": (
        pictured(synced(metadata=repeated(), generation=2), **listed(stored(pictured(), stream_name="theirs"))),
        CreateRemote(BODY),
    ),
    "values of Secrets come first": (
        pictured(synced(configurationSecrets=SECRET)),
        ReadSecrets(REFS, Phase.REGISTRATION),
    ),
    "a sync to be adopted": (
        pictured(synced(externalId="5", metadata=marked())),
        ReadRemote("5", Phase.REGISTRATION),
    ),
    "a sync to be adopted, and not ours yet": (pictured(synced(externalId="5")), RecordCreateIntent(NOW, fresh=True)),
    "it runs by itself": (
        pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5", schedule_type="interval")),
        TakeOverSync("5", UPDATE, changes=()),
    ),
    "it has another mode": (
        pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5", sync_mode="incremental")),
        UpdateRemote("5", UPDATE, changes=()),
    ),
    "it is disabled": (
        pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5", status="disabled")),
        SetEnabled("5", enabled=True, changes=()),
    ),
    "it is as it is to be": (pictured(synced(externalId="5", metadata=marked()), remote=stored(pictured(), "5")), None),
    "registered, and nothing known of the server": (pictured(REGISTERED, registered=True), None),
    "registered, and the list shows the same": (pictured(REGISTERED, registered=True, last_listed=OURS), None),
    "registered, and the list shows a change": (
        pictured(
            REGISTERED, registered=True, was_in_sync=True, last_listed=stored(pictured(), sync_mode="incremental")
        ),
        ReadRemote("7", Phase.REGISTRATION),
    ),
    "registered, and lists of a period lack it": (
        pictured(REGISTERED, registered=True, was_in_sync=True, missing_from_lists=True),
        ReadRemote("7", Phase.REGISTRATION),
    ),
    "registered, and lists of a period lack it, as they lack many others": (
        pictured(REGISTERED, registered=True, was_in_sync=True, missing_from_lists=True, mass_absence=MANY),
        None,
    ),
    "registered, but its finalizer is lost": (
        pictured(synced(status=registered(), metadata={}), registered=True),
        RecordCreateIntent(NOW, fresh=True),
    ),
    "registered, but its finalizer is lost, and not its mark": (
        pictured(synced(status=registered(), metadata={"annotations": marked()["annotations"]}), registered=True),
        RecordCreateIntent(BORN, fresh=False),
    ),
    "somebody changed it": (
        pictured(REGISTERED, registered=True, was_in_sync=True, remote=stored(pictured(), sync_mode="incremental")),
        UpdateRemote("7", UPDATE, changes=("spec.syncMode from incremental back to full_refresh",)),
    ),
    "somebody gave it a schedule": (
        pictured(REGISTERED, registered=True, was_in_sync=True, remote=stored(pictured(), schedule_type="interval")),
        TakeOverSync("7", UPDATE, changes=("the server's schedule type from interval back to manual",)),
    ),
    "somebody disabled it": (
        pictured(REGISTERED, registered=True, was_in_sync=True, remote=stored(pictured(), status="disabled")),
        SetEnabled("7", enabled=True, changes=("the server's status from disabled back to enabled",)),
    ),
    "somebody changed it, and nobody minds": (
        pictured(
            synced(status=registered(), metadata=marked(), driftPolicy="Ignore"),
            registered=True,
            last_listed=stored(pictured(), sync_mode="incremental"),
            missing_from_lists=True,
        ),
        None,
    ),
    "the spec changed": (
        pictured(synced(status=registered(), metadata=marked(), generation=2, syncMode="incremental")),
        ReadRemote("7", Phase.REGISTRATION),
    ),
    "the spec changed, and the server holds the old one": (
        pictured(synced(status=registered(), metadata=marked(), generation=2, syncMode="incremental"), remote=OURS),
        UpdateRemote("7", UPDATE | {"sync_mode": "incremental"}, changes=()),
    ),
    "only the cursor field differs, which no update changes": (
        pictured(REGISTERED, registered=True, last_listed=stored(pictured(), cursor_field="at")),
        None,
    ),
    "to be suspended on the server": (
        pictured(
            synced(status=registered(), metadata=marked(), generation=2, suspend=True, **SERVER),
            remote=stored(pictured(synced(**SERVER))),
        ),
        SetEnabled("7", enabled=False, changes=()),
    ),
    "gone, as the server says": (pictured(REGISTERED, not_found=True, missing_from_lists=True), VerifyWorkspace()),
    "gone, as the server says for the first time": (pictured(REGISTERED, not_found=True), None),
    "gone, in the workspace that it lived in": (
        pictured(REGISTERED, not_found=True, missing_from_lists=True, workspace_verified=True),
        ForgetRemote(),
    ),
    "gone, as many others": (
        pictured(REGISTERED, not_found=True, missing_from_lists=True, workspace_verified=True, mass_absence=MANY),
        None,
    ),
    "to be made anew": (pictured(MARKED, create_fresh=True, recreated=True), ListRemotes(Phase.REGISTRATION)),
    "to be made anew, and nothing is like it": (
        pictured(MARKED, create_fresh=True, recreated=True, **listed(indeterminate_until=NOW + HOUR)),
        CreateRemote(BODY),
    ),
    "to be made anew, and somebody has made another one": (
        pictured(MARKED, create_fresh=True, recreated=True, **listed(replace(OLD, id="9"), replace(OLD, id="8"))),
        AdoptCreated(replace(OLD, id="8"), ("9",), adopted=True),
    ),
    "to be made anew, and what is like it belongs to others": (
        pictured(MARKED, create_fresh=True, recreated=True, **listed(OURS, claimed=frozenset({"7"}))),
        CreateRemote(BODY),
    ),
    "the list shows what is a little older than the mark": (
        pictured(MARKED, **listed(replace(OURS, created_at=NOW - timedelta(minutes=11)))),
        AdoptCreated(replace(OURS, created_at=NOW - timedelta(minutes=11)), (), adopted=True),
    ),
    "the list shows what is much younger than the mark": (
        pictured(synced(metadata=marked(NOW - HOUR)), **listed(OURS)),
        AdoptCreated(OURS, (), adopted=True),
    ),
    "the list shows what is younger than the mark, and this process has sent it": (
        pictured(synced(metadata=marked(NOW - HOUR)), create_sent=BODY, **listed(OURS)),
        AdoptCreated(OURS, (), adopted=False),
    ),
    "the list shows what we made, and an older one": (
        pictured(MARKED, **listed(OURS, replace(OLD, id="6", created_at=NOW - timedelta(minutes=12)))),
        AdoptCreated(OURS, ("6",), adopted=False),
    ),
    "the mark was verified some time ago": (
        pictured(MARKED, create_fresh=True, intent_verified=False),
        RecordCreateIntent(NOW, fresh=True),
    ),
    "the mark was verified some time ago, and the outcome of an earlier create is not known": (
        pictured(MARKED, intent_verified=False, **listed()),
        RecordCreateIntent(NOW - timedelta(minutes=10), fresh=False, repeats=True),
    ),
    "the mark was verified just now, and does not say that a create is sent once more": (
        pictured(MARKED, **listed()),
        RecordCreateIntent(NOW - timedelta(minutes=10), fresh=False, repeats=True),
    ),
    "another process has written the mark": (
        pictured(MARKED, process="successor"),
        RecordCreateIntent(NOW - timedelta(minutes=10), fresh=False),
    ),
    "a Workspace whose dialect is not known": (pictured(workspace=connected(dialect=None)), None),
}


@pytest.mark.parametrize("name", NEXT)
def test_next(name: str) -> None:
    snapshot, action = NEXT[name]

    assert registration_step(replace(snapshot, was_read=snapshot.remote is not None or snapshot.not_found)) == action


def test_what_an_earlier_answer_told_is_looked_at_again_before_it_is_written_to() -> None:
    known = stored(pictured(), sync_mode="incremental")

    assert registration_step(pictured(MARKED, remote=known)) == ReadRemote("7", Phase.REGISTRATION)


def test_values_of_secrets_are_in_the_body_and_not_in_its_words() -> None:
    snapshot = pictured(
        synced(configurationSecrets=SECRET, metadata=marked()), create_fresh=True, secrets={"/0/value": "planted"}
    )

    action = registration_step(snapshot)

    assert isinstance(action, CreateRemote)
    assert action.body["configuration"][0]["value"] == "planted"
    assert "planted" not in repr(action)
    assert "planted" not in repr(snapshot)


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
def test_a_server_that_has_no_word_for_the_spec_any_more_is_no_crash(policy: str) -> None:
    sync = synced(status=registered(), metadata=marked(), driftPolicy=policy)
    snapshot = pictured(
        sync, workspace=connected(dialect=Dialect.DOCUMENTED), registered=True, last_listed=OURS, remote=OURS
    )

    assert registration_step(snapshot) is None
    assert is_registered(replace(snapshot, remote=None)) is (policy != "Correct")
    assert not is_registered(snapshot)
