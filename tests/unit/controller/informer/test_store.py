"""The cache, against the slow and plain way of answering the same questions."""

import asyncio
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clockwork import run
from tests.support.manifests import sync_manifest, workspace_manifest
from tests.support.snapshots import BORN, URL
from tests.unit.controller.plain_cache import Plain

from sync_operator.api.base import rfc3339
from sync_operator.api.constants import CREATE_STARTED_ANNOTATION, SYNC_KIND, SYNC_NAME, WORKSPACE_KIND
from sync_operator.api.kinds.workspace import remote_workspace_of
from sync_operator.controller.informer.compact import trim
from sync_operator.controller.informer.store import NamespacedName, Store, wanted_id, workspace_name
from sync_operator.controller.workqueue import time_slices
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.syncapi.types import RemoteSync

NAMESPACES = st.sampled_from(["team", "other"])
NAMES = st.sampled_from(["a", "b", "c"])
IDS = st.sampled_from(["1", "2", "3"])
URLS = st.sampled_from([URL, "https://elsewhere.example.com"])
PLACES = [
    remote_workspace_of(url, workspace) for url in (URL, "https://elsewhere.example.com") for workspace in ("1", None)
]


def obj(namespace: str, name: str, *, uid: str = "", version: int = 1, born: datetime = BORN) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "name": name,
        "uid": uid or f"uid-{namespace}-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": rfc3339(born),
    }


def sync(metadata: dict[str, Any], *, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    made = sync_manifest("x", **spec)
    return trim("Sync", made | {"metadata": metadata, "status": status or {}})


def workspace(metadata: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return workspace_manifest("x", **spec) | {"metadata": metadata}


@st.composite
def syncs(draw: st.DrawFn) -> dict[str, Any]:
    namespace, name = draw(NAMESPACES), draw(NAMES)
    metadata = obj(
        namespace,
        name,
        uid=draw(st.sampled_from(["", f"another life of {namespace}/{name}"])),
        version=draw(st.integers(1, 5)),
        born=BORN + timedelta(seconds=draw(st.integers(0, 2))),
    )
    if draw(st.booleans()):
        metadata |= {"annotations": {CREATE_STARTED_ANNOTATION: f"{BORN.isoformat()}/process"}}
    status: dict[str, Any] = {}
    if draw(st.booleans()):
        status = {"id": draw(IDS), "url": draw(URLS), "workspaceId": "1"}
    spec: dict[str, Any] = {"externalId": draw(IDS)} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        spec["workspaceRef"] = {"name": draw(st.sampled_from(["default", "second"]))}
    return sync(metadata, status=status, **spec)


@st.composite
def workspaces(draw: st.DrawFn) -> dict[str, Any]:
    metadata = obj(draw(NAMESPACES), draw(st.sampled_from(["default", "second"])), version=draw(st.integers(1, 5)))
    spec = {"url": draw(URLS)} | ({"workspaceId": "1"} if draw(st.booleans()) else {})
    return workspace(metadata, **spec)


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    metadata = obj(
        draw(NAMESPACES),
        draw(st.sampled_from(["j1", "j2", "j3"])),
        version=draw(st.integers(1, 5)),
        born=BORN + timedelta(seconds=draw(st.integers(0, 2))),
    )
    owner = {"annotations": {SYNC_NAME: draw(NAMES)}} if draw(st.booleans()) else {}
    return {"metadata": metadata | owner}


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["put", "drop"]), st.just("Sync"), syncs()),
        st.tuples(st.sampled_from(["put", "drop"]), st.just("Workspace"), workspaces()),
        st.tuples(st.sampled_from(["put", "drop"]), st.just("Job"), jobs()),
    ),
    max_size=30,
)


@given(DEEDS)
def test_the_indexes_answer_as_a_search_through_everything_does(deeds: list[tuple[str, str, dict[str, Any]]]) -> None:
    store, plain = Store(), Plain()
    for deed, kind, one in deeds:
        if deed == "put":
            store.put(kind, deepcopy(one))
            plain.put(kind, one)
        else:
            store.drop(kind, deepcopy(one))
            plain.drop(kind, one)

    check(store, plain)


def nobody(_: NamespacedName) -> bool:
    """Every Workspace's credentials work."""
    return False


def check(store: Store, plain: Plain) -> None:
    for kind in ("Sync", "Workspace", "Job"):
        assert sorted(map(repr, store.all(kind))) == sorted(map(repr, plain.all(kind)))
    unresolved = [one for one in plain.all("Sync") if one["metadata"].get("annotations") and not one["status"]]
    assert sorted(map(repr, store.unresolved(SYNC_KIND))) == sorted(map(repr, unresolved))
    refs = [NamespacedName(namespace, name) for namespace in ("team", "other") for name in ("a", "b", "c")]
    for sync_id in ("1", "2", "3"):
        holders = {
            NamespacedName(one["metadata"]["namespace"], one["metadata"]["name"])
            for one in plain.all("Sync")
            if (one["status"].get("id") or one["spec"].get("externalId")) == sync_id
        }
        assert store.claimants(SYNC_KIND, sync_id) == holders
        for remote_workspace in PLACES:
            for ref in refs:
                rivals = store.competing_claims(SYNC_KIND, remote_workspace, sync_id, exclude=ref, may_not_claim=nobody)
                assert len(set(rivals)) == len(rivals)
                assert set(rivals) == plain.claims(remote_workspace, sync_id, ref)
                claimed = store.claimed(SYNC_KIND, remote_workspace, [sync_id, "9"], exclude=ref, may_not_claim=nobody)
                assert claimed == ({sync_id} if rivals else set())
    lives = [life for ref in refs for life in (f"uid-{'-'.join(ref)}", f"another life of {'/'.join(ref)}")]
    assert {life for life in lives if store.has_registered(life)} == {
        one["metadata"]["uid"] for one in plain.all("Sync")
    }
    for ref in refs:
        mine = [
            one
            for one in plain.all("Job")
            if one["metadata"]["namespace"] == ref.namespace
            and one["metadata"].get("annotations", {}).get(SYNC_NAME) == ref.name
        ]
        mine.sort(key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
        assert store.jobs_of(ref) == mine
        home = NamespacedName(ref.namespace, "default")
        assert set(store.resources_of(SYNC_KIND, home)) == {
            Key("Sync", one["metadata"]["namespace"], one["metadata"]["name"])
            for one in plain.all("Sync")
            if one["metadata"]["namespace"] == home.namespace
            and one["spec"].get("workspaceRef", {}).get("name", "default") == home.name
        }


@given(st.lists(syncs(), max_size=8), st.lists(syncs(), max_size=8))
def test_a_full_list_takes_the_place_of_what_was_known(
    before: list[dict[str, Any]], listed: list[dict[str, Any]]
) -> None:
    store, plain = Store(), Plain()
    for one in before:
        store.put("Sync", deepcopy(one))
        plain.put("Sync", one)
    last = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in listed}

    run(store.replace("Sync", deepcopy(listed), known=list(store.all("Sync"))))

    plain.held = {key: held for key, held in plain.held.items() if key[1:] in last}
    for one in last.values():
        plain.put("Sync", one)
    check(store, plain)


def _made(sync_id: str, milliseconds: int | None) -> RemoteSync:
    """What a server shows, made so long after `BORN`; of no known time if that is None."""
    made = BORN + timedelta(milliseconds=milliseconds) if milliseconds is not None else None
    return RemoteSync(sync_id, {}, created_at=made)


@pytest.mark.parametrize(
    ("recorded", "same", "others"),
    [
        ("2026-01-31T11:00:00Z", [0, 300, 999], [-1, 1000]),
        ("2026-01-31T11:00:00.300Z", [0, 299, 300, 301], [298, 302, -1, 1000, 1300]),
        ("2026-01-31T11:00:00.300400Z", [0, 300, 301], [302]),
    ],
)
def test_an_id_of_the_same_creation_time_is_the_same_sync_by_whatever_url(
    recorded: str, same: list[int], others: list[int]
) -> None:
    assert datetime.fromisoformat(recorded).replace(microsecond=0) == BORN
    store = Store()
    status = {"id": "7", "url": "https://alias.example.com", "registeredAt": recorded}
    store.put("Sync", sync(obj("team", "a"), status=status))
    store.put("Sync", sync(obj("team", "asks"), externalId="8"))

    assert [after for after in same if not store.is_registered(SYNC_KIND, _made("7", after))] == []
    assert [after for after in others if store.is_registered(SYNC_KIND, _made("7", after))] == [], "another server's"
    assert not store.is_registered(SYNC_KIND, _made("7", None))
    assert not store.is_registered(SYNC_KIND, _made("8", 0))


def test_newer_wins_whichever_comes_first() -> None:
    store, ref = Store(), NamespacedName("team", "a")
    old, new = (sync(obj("team", "a", version=version), streamName=f"v{version}") for version in (9, 10))

    assert store.put("Sync", deepcopy(new))
    assert not store.put("Sync", deepcopy(old))
    assert not store.put("Sync", deepcopy(new)), "what is known brings nothing new"
    assert store.get("Sync", ref) == new


def test_another_life_takes_the_place_whatever_its_version() -> None:
    store, ref = Store(), NamespacedName("team", "a")
    old, new = sync(obj("team", "a", version=10)), sync(obj("team", "a", uid="another life", version=2))
    store.put("Sync", deepcopy(old))

    assert store.put("Sync", deepcopy(new))
    store.drop("Sync", old)
    assert store.get("Sync", ref) == new, "the end of the first life is no news about the second"


def test_who_wrote_which_field_is_not_kept() -> None:
    store = Store()
    metadata = obj("team", "a") | {"managedFields": [{"manager": "kubectl"}]}

    store.put("Sync", sync(metadata))

    held = store.get("Sync", NamespacedName("team", "a"))
    assert held is not None
    assert "managedFields" not in held["metadata"]


# A list takes its time, and so does to take it over; the watch goes on meanwhile.


def test_what_was_made_while_the_list_was_on_its_way_stays() -> None:
    store = Store()
    known = list(store.all("Sync"))
    store.put("Sync", sync(obj("team", "new", version=7)))

    run(store.replace("Sync", [], known=known))

    assert store.get("Sync", NamespacedName("team", "new")) is not None


def test_what_was_deleted_while_the_list_was_on_its_way_does_not_come_back() -> None:
    store = Store()
    old = sync(obj("team", "old", version=7), status={"id": "1", "url": URL, "workspaceId": "1"})
    store.put("Sync", deepcopy(old))
    known = list(store.all("Sync"))
    store.drop("Sync", old)

    run(store.replace("Sync", [deepcopy(old)], known=known))

    assert store.get("Sync", NamespacedName("team", "old")) is None
    assert store.claimants(SYNC_KIND, "1") == set()


def test_what_was_made_anew_while_the_list_was_on_its_way_stays() -> None:
    store = Store()
    old, new = sync(obj("team", "a", version=7)), sync(obj("team", "a", uid="another life", version=9))
    store.put("Sync", deepcopy(old))
    known = list(store.all("Sync"))
    store.put("Sync", deepcopy(new))

    for listed in ([], [deepcopy(old)]):
        run(store.replace("Sync", listed, known=known))
        assert store.get("Sync", NamespacedName("team", "a")) == new


def test_what_ends_while_a_list_is_taken_over_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the clock takes a second, so each object is a step of its own.
    monkeypatch.setattr(time_slices, "time", SimpleNamespace(monotonic=count().__next__))
    store = Store(lambda: 0.0)
    old, new, later = (sync(obj("team", name, uid=name), status={}) for name in ("old", "new", "later"))
    store.put("Sync", deepcopy(old))

    async def taken_over() -> None:
        known = list(store.all("Sync"))
        taking = asyncio.create_task(store.replace("Sync", [later, old, new], known=known))
        while not store.has("Sync", NamespacedName("team", "later")):  # noqa: ASYNC110 (a step at a time)
            await asyncio.sleep(0)
        store.drop("Sync", old)
        store.mark_deleted("Sync", new)
        assert await taking == []

    run(taken_over())

    assert [held["metadata"]["name"] for held in store.all("Sync")] == ["later"]


def test_what_the_watch_never_told_of_is_found_and_lost() -> None:
    store = Store()
    store.put("Sync", sync(obj("team", "lost")))

    run(store.replace("Sync", [sync(obj("team", "found"))], known=list(store.all("Sync"))))

    assert store.get("Sync", NamespacedName("team", "lost")) is None
    assert store.get("Sync", NamespacedName("team", "found")) is not None


# Who refers to a Secret.


@pytest.mark.parametrize(
    ("spec", "secret"),
    [
        ({}, "token"),
        ({"auth": {"loginSecretRef": {"name": "login"}, "tokenSecretRef": None}}, "login"),
        ({"caSecretRef": {"name": "authority"}}, "authority"),
    ],
)
def test_workspaces_that_use_a_secret(spec: dict[str, Any], secret: str) -> None:
    store = Store()
    store.put("Workspace", workspace(obj("team", "default"), **spec))

    assert store.resources_using(WORKSPACE_KIND, NamespacedName("team", secret)) == [
        Key("Workspace", "team", "default")
    ]
    assert store.resources_using(WORKSPACE_KIND, NamespacedName("team", "another")) == []
    assert store.resources_using(WORKSPACE_KIND, NamespacedName("other", secret)) == []


def test_syncs_that_use_a_secret() -> None:
    store = Store()
    secrets = [{"pointer": "/a", "secretKeyRef": {"name": "vectors", "key": "key"}}]
    store.put("Sync", sync(obj("team", "a"), configurationSecrets=secrets))
    store.put("Sync", sync(obj("team", "b")))

    assert store.resources_using(SYNC_KIND, NamespacedName("team", "vectors")) == [Key("Sync", "team", "a")]
    assert store.resources_using(SYNC_KIND, NamespacedName("other", "vectors")) == []


def test_what_a_sync_has_goes_before_what_it_asks_for() -> None:
    assert wanted_id(sync(obj("team", "a"), externalId="5")) == "5"
    assert wanted_id(sync(obj("team", "a"), status={"id": "7"}, externalId="5")) == "7"
    assert wanted_id(sync(obj("team", "a"))) is None
    assert workspace_name(sync(obj("team", "a"))) == "default"


def connected_cache(*syncs: dict[str, Any], **workspace: Any) -> Store:
    """Workspaces of the same server in two namespaces, and Syncs of theirs."""
    store = Store()
    for namespace in ("team", "other"):
        home = {"metadata": obj(namespace, "default"), "spec": {"url": URL, "workspaceId": "1", **workspace}}
        store.put("Workspace", home)
    for one in syncs:
        store.put("Sync", one)
    return store


def test_who_asks_for_a_sync_without_credentials_has_no_claim_to_it() -> None:
    asks = sync(obj("other", "a"), externalId="5")
    has = sync(obj("other", "b"), status={"id": "6", "url": URL, "workspaceId": "1"})
    store, remote_workspace, here = (
        connected_cache(asks, has),
        remote_workspace_of(URL, "1"),
        NamespacedName("team", "a"),
    )

    def refused(home: NamespacedName) -> bool:
        return home == NamespacedName("other", "default")

    assert store.claimed(SYNC_KIND, remote_workspace, ["5", "6"], exclude=here, may_not_claim=nobody) == {"5", "6"}
    assert store.claimed(SYNC_KIND, remote_workspace, ["5", "6"], exclude=here, may_not_claim=refused) == {"6"}
    assert store.competing_claims(SYNC_KIND, remote_workspace, "5", exclude=here, may_not_claim=refused) == ()


def test_ids_are_numbers() -> None:
    asks = sync(obj("other", "a"), externalId="005")
    has = sync(obj("other", "b"), status={"id": "6", "url": URL, "workspaceId": "00001"})
    store, here = connected_cache(asks, has, workspaceId="01"), NamespacedName("team", "a")

    assert store.claimed(SYNC_KIND, remote_workspace_of(URL, "1"), ["5", "6"], exclude=here, may_not_claim=nobody) == {
        "5",
        "6",
    }
    assert wanted_id(asks) == "5"


def test_a_sync_at_a_former_address_has_its_claim_at_the_new_one() -> None:
    former = "https://before.example.com"
    has = sync(obj("other", "a"), status={"id": "5", "url": f"{former}/", "workspaceId": "1"})
    remote_workspace, here = remote_workspace_of(URL, "1"), NamespacedName("team", "a")

    moved = connected_cache(has, previousUrls=[former])
    assert moved.claimed(SYNC_KIND, remote_workspace, ["5"], exclude=here, may_not_claim=nobody) == {"5"}
    assert connected_cache(has).claimed(SYNC_KIND, remote_workspace, ["5"], exclude=here, may_not_claim=nobody) == set()


def test_a_spec_that_cannot_be_read_is_no_crash() -> None:
    store = Store()
    bare = {"metadata": obj("team", "a")}
    store.put("Workspace", deepcopy(bare) | {"spec": {}})
    store.put("Sync", deepcopy(bare))
    store.put("Sync", sync(obj("team", "b"), externalId="5"))

    assert store.claimants(SYNC_KIND, "5") == {NamespacedName("team", "b")}
    assert (
        store.competing_claims(
            SYNC_KIND, remote_workspace_of(URL, "1"), "5", exclude=NamespacedName("team", "a"), may_not_claim=nobody
        )
        == ()
    )
    assert store.resources_using(WORKSPACE_KIND, NamespacedName("team", "token")) == []


def test_what_is_known_as_it_is_is_not_kept_twice() -> None:
    store, old, new = Store(), sync(obj("team", "a", version=4)), sync(obj("team", "a", version=5))
    store.put("Sync", deepcopy(old))

    assert store.trimmed("Sync", deepcopy(old)) is store.get("Sync", NamespacedName("team", "a"))
    assert store.trimmed("Sync", deepcopy(new)) == new
    assert store.get("Sync", NamespacedName("team", "a")) == old, "asking changes nothing"


def test_an_answer_that_comes_after_the_end_brings_nothing_back() -> None:
    now = 0.0
    store = Store(lambda: now)
    held = sync(obj("team", "a"), status={"id": "1", "url": URL, "workspaceId": "1"})
    store.put("Sync", held)
    store.mark_deleted("Sync", held)
    late = sync(obj("team", "a", version=2), status={"id": "1", "url": URL, "workspaceId": "1"})

    assert not store.put("Sync", late)
    assert run(store.replace("Sync", [late], known=[])) == []
    assert not store.has("Sync", NamespacedName("team", "a"))
    assert store.claimants(SYNC_KIND, "1") == set()

    other_life = sync(obj("team", "a", uid="another", version=3))
    assert store.put("Sync", other_life)
    assert run(store.replace("Sync", [], known=[other_life])) == [other_life]


def test_ends_are_not_remembered_for_ever() -> None:
    now = 0.0
    store = Store(lambda: now)
    for number in range(100):
        now = float(number)
        store.mark_deleted("Sync", sync(obj("team", "a", uid=f"uid-{number}")))

    assert len(store._tombstones) == 91
    assert store.put("Sync", sync(obj("team", "a", uid="uid-1"))), "as after the cluster was restored"


def test_users_of_a_secret_are_found_for_as_long_as_they_use_it() -> None:
    store = Store()
    entries = [{"pointer": "/key", "secretKeyRef": {"name": "mine", "key": "k"}}]
    store.put("Workspace", workspace(obj("team", "w"), caSecretRef={"name": "ca", "key": "k"}))
    store.put("Sync", sync(obj("team", "a"), configurationSecrets=entries))
    assert store.resources_using(WORKSPACE_KIND, NamespacedName("team", "ca")) == [Key("Workspace", "team", "w")]
    assert store.resources_using(WORKSPACE_KIND, NamespacedName("other", "ca")) == []
    assert store.resources_using(SYNC_KIND, NamespacedName("team", "mine")) == [Key("Sync", "team", "a")]

    store.put("Workspace", workspace(obj("team", "w", version=2)))
    store.drop("Sync", sync(obj("team", "a")))

    assert (
        store.resources_using(WORKSPACE_KIND, NamespacedName("team", "ca"))
        == store.resources_using(SYNC_KIND, NamespacedName("team", "mine"))
        == []
    )
    assert [key for key in store._by_secret._values if key != (WORKSPACE_KIND, NamespacedName("team", "token"))] == []
    assert len(store._by_workspace) == 0


def test_the_latest_are_those_that_became_known_last() -> None:
    store = Store()
    for name in ("a", "b", "c"):
        store.put("Job", {"metadata": obj("team", name)})
    store.put("Job", {"metadata": obj("team", "b", version=2)})

    assert [job["metadata"]["name"] for job in store.latest("Job", 2)] == ["c", "b"]
    assert list(store.latest("CronJob", 2)) == []


def test_kinds_do_not_meet_in_any_index() -> None:
    store = Store(registered={SYNC_KIND: "squared.ai/sync", "Widget": "example.com/widget"})
    marks = {"annotations": {CREATE_STARTED_ANNOTATION: "then/who"}}
    entries = [{"pointer": "/0", "secretKeyRef": {"name": "mine", "key": "k"}}]
    store.put("Workspace", workspace(obj("team", "default"), url=URL, workspaceId="1"))
    store.put("Sync", sync(obj("team", "a"), status={"id": "5", "url": URL, "workspaceId": "1"}))
    store.put("Widget", sync(obj("team", "a"), externalId="5", configurationSecrets=entries))
    store.put("Widget", sync(obj("team", "b", uid="b") | marks))
    home, here = NamespacedName("team", "default"), NamespacedName("team", "a")

    assert store.resources_of("Widget", home) == [Key("Widget", "team", "a"), Key("Widget", "team", "b")]
    assert store.resources_of(SYNC_KIND, home) == [Key(SYNC_KIND, "team", "a")]
    assert [one["metadata"]["name"] for one in store.unresolved("Widget")] == ["b"]
    assert list(store.unresolved(SYNC_KIND)) == []
    assert store.claimants("Widget", "5") == {here}
    assert store.resources_using(SYNC_KIND, NamespacedName("team", "mine")) == []
    assert store.resources_using("Widget", NamespacedName("team", "mine")) == [Key("Widget", "team", "a")]
    other = NamespacedName("team", "b")
    claims = store.competing_claims("Widget", remote_workspace_of(URL, "1"), "5", exclude=other, may_not_claim=nobody)
    assert [(claim.holder, claim.registered) for claim in claims] == [("team/a", False)]
