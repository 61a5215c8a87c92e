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
from tests.support.pictures import BORN, URL
from tests.unit.handlers.plain_cache import Plain

from sync_operator.handlers import slices
from sync_operator.handlers.cache import Cache, Ref, wanted_id, workspace_name
from sync_operator.handlers.queue import Key
from sync_operator.handlers.slim import slim
from sync_operator.model.base import rfc3339
from sync_operator.model.names import SYNC_NAME
from sync_operator.model.workspace import place_of

NAMESPACES = st.sampled_from(["team", "other"])
NAMES = st.sampled_from(["a", "b", "c"])
IDS = st.sampled_from(["1", "2", "3"])
URLS = st.sampled_from([URL, "https://elsewhere.example.com"])
PLACES = [place_of(url, workspace) for url in (URL, "https://elsewhere.example.com") for workspace in ("1", None)]


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
    return slim("Sync", made | {"metadata": metadata, "status": status or {}})


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
    cache, plain = Cache(), Plain()
    for deed, kind, one in deeds:
        if deed == "put":
            cache.put(kind, deepcopy(one))
            plain.put(kind, one)
        else:
            cache.drop(kind, deepcopy(one))
            plain.drop(kind, one)

    check(cache, plain)


def nobody(_: Ref) -> bool:
    """Every Workspace's credentials work."""
    return False


def check(cache: Cache, plain: Plain) -> None:
    for kind in ("Sync", "Workspace", "Job"):
        assert sorted(map(repr, cache.all(kind))) == sorted(map(repr, plain.all(kind)))
    refs = [Ref(namespace, name) for namespace in ("team", "other") for name in ("a", "b", "c")]
    for sync_id in ("1", "2", "3"):
        holders = {
            Ref(one["metadata"]["namespace"], one["metadata"]["name"])
            for one in plain.all("Sync")
            if (one["status"].get("id") or one["spec"].get("externalId")) == sync_id
        }
        assert cache.claimants(sync_id) == holders
        for place in PLACES:
            for ref in refs:
                rivals = cache.rivals(place, sync_id, but=ref, refused=nobody)
                assert len(set(rivals)) == len(rivals)
                assert set(rivals) == plain.claims(place, sync_id, ref)
                claimed = cache.claimed(place, [sync_id, "9"], but=ref, refused=nobody)
                assert claimed == ({sync_id} if rivals else set())
    for ref in refs:
        mine = [
            one
            for one in plain.all("Job")
            if one["metadata"]["namespace"] == ref.namespace
            and one["metadata"].get("annotations", {}).get(SYNC_NAME) == ref.name
        ]
        mine.sort(key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
        assert cache.jobs_of(ref) == mine
        home = Ref(ref.namespace, "default")
        assert set(cache.syncs_of(home)) == {
            Key("Sync", one["metadata"]["namespace"], one["metadata"]["name"])
            for one in plain.all("Sync")
            if one["metadata"]["namespace"] == home.namespace
            and one["spec"].get("workspaceRef", {}).get("name", "default") == home.name
        }


@given(st.lists(syncs(), max_size=8), st.lists(syncs(), max_size=8))
def test_a_full_list_takes_the_place_of_what_was_known(
    before: list[dict[str, Any]], listed: list[dict[str, Any]]
) -> None:
    cache, plain = Cache(), Plain()
    for one in before:
        cache.put("Sync", deepcopy(one))
        plain.put("Sync", one)
    last = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in listed}

    run(cache.replace("Sync", deepcopy(listed), known=list(cache.all("Sync"))))

    plain.held = {key: held for key, held in plain.held.items() if key[1:] in last}
    for one in last.values():
        plain.put("Sync", one)
    check(cache, plain)


def test_newer_wins_whichever_comes_first() -> None:
    cache, ref = Cache(), Ref("team", "a")
    old, new = (sync(obj("team", "a", version=version), streamName=f"v{version}") for version in (9, 10))

    assert cache.put("Sync", deepcopy(new))
    assert not cache.put("Sync", deepcopy(old))
    assert not cache.put("Sync", deepcopy(new)), "what is known brings nothing new"
    assert cache.get("Sync", ref) == new


def test_another_life_takes_the_place_whatever_its_version() -> None:
    cache, ref = Cache(), Ref("team", "a")
    old, new = sync(obj("team", "a", version=10)), sync(obj("team", "a", uid="another life", version=2))
    cache.put("Sync", deepcopy(old))

    assert cache.put("Sync", deepcopy(new))
    cache.drop("Sync", old)
    assert cache.get("Sync", ref) == new, "the end of the first life is no news about the second"


def test_who_wrote_which_field_is_not_kept() -> None:
    cache = Cache()
    metadata = obj("team", "a") | {"managedFields": [{"manager": "kubectl"}]}

    cache.put("Sync", sync(metadata))

    held = cache.get("Sync", Ref("team", "a"))
    assert held is not None
    assert "managedFields" not in held["metadata"]


# A list takes its time, and so does to take it over; the watch goes on meanwhile.


def test_what_was_made_while_the_list_was_on_its_way_stays() -> None:
    cache = Cache()
    known = list(cache.all("Sync"))
    cache.put("Sync", sync(obj("team", "new", version=7)))

    run(cache.replace("Sync", [], known=known))

    assert cache.get("Sync", Ref("team", "new")) is not None


def test_what_was_deleted_while_the_list_was_on_its_way_does_not_come_back() -> None:
    cache = Cache()
    old = sync(obj("team", "old", version=7), status={"id": "1", "url": URL, "workspaceId": "1"})
    cache.put("Sync", deepcopy(old))
    known = list(cache.all("Sync"))
    cache.drop("Sync", old)

    run(cache.replace("Sync", [deepcopy(old)], known=known))

    assert cache.get("Sync", Ref("team", "old")) is None
    assert cache.claimants("1") == set()


def test_what_was_made_anew_while_the_list_was_on_its_way_stays() -> None:
    cache = Cache()
    old, new = sync(obj("team", "a", version=7)), sync(obj("team", "a", uid="another life", version=9))
    cache.put("Sync", deepcopy(old))
    known = list(cache.all("Sync"))
    cache.put("Sync", deepcopy(new))

    for listed in ([], [deepcopy(old)]):
        run(cache.replace("Sync", listed, known=known))
        assert cache.get("Sync", Ref("team", "a")) == new


def test_what_ends_while_a_list_is_taken_over_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the clock takes a second, so each object is a step of its own.
    monkeypatch.setattr(slices, "time", SimpleNamespace(monotonic=count().__next__))
    cache = Cache(lambda: 0.0)
    old, new, later = (sync(obj("team", name, uid=name), status={}) for name in ("old", "new", "later"))
    cache.put("Sync", deepcopy(old))

    async def taken_over() -> None:
        known = list(cache.all("Sync"))
        taking = asyncio.create_task(cache.replace("Sync", [later, old, new], known=known))
        while not cache.has("Sync", Ref("team", "later")):  # noqa: ASYNC110 (a step at a time)
            await asyncio.sleep(0)
        cache.drop("Sync", old)
        cache.bury("Sync", new)
        assert await taking == []

    run(taken_over())

    assert [held["metadata"]["name"] for held in cache.all("Sync")] == ["later"]


def test_what_the_watch_never_told_of_is_found_and_lost() -> None:
    cache = Cache()
    cache.put("Sync", sync(obj("team", "lost")))

    run(cache.replace("Sync", [sync(obj("team", "found"))], known=list(cache.all("Sync"))))

    assert cache.get("Sync", Ref("team", "lost")) is None
    assert cache.get("Sync", Ref("team", "found")) is not None


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
    cache = Cache()
    cache.put("Workspace", workspace(obj("team", "default"), **spec))

    assert cache.workspaces_using(Ref("team", secret)) == [Key("Workspace", "team", "default")]
    assert cache.workspaces_using(Ref("team", "another")) == []
    assert cache.workspaces_using(Ref("other", secret)) == []


def test_syncs_that_use_a_secret() -> None:
    cache = Cache()
    secrets = [{"pointer": "/a", "secretKeyRef": {"name": "vectors", "key": "key"}}]
    cache.put("Sync", sync(obj("team", "a"), configurationSecrets=secrets))
    cache.put("Sync", sync(obj("team", "b")))

    assert cache.syncs_using(Ref("team", "vectors")) == [Key("Sync", "team", "a")]
    assert cache.syncs_using(Ref("other", "vectors")) == []


def test_what_a_sync_has_goes_before_what_it_asks_for() -> None:
    assert wanted_id(sync(obj("team", "a"), externalId="5")) == "5"
    assert wanted_id(sync(obj("team", "a"), status={"id": "7"}, externalId="5")) == "7"
    assert wanted_id(sync(obj("team", "a"))) is None
    assert workspace_name(sync(obj("team", "a"))) == "default"


def connected_cache(*syncs: dict[str, Any], **workspace: Any) -> Cache:
    """Workspaces of the same server in two namespaces, and Syncs of theirs."""
    cache = Cache()
    for namespace in ("team", "other"):
        home = {"metadata": obj(namespace, "default"), "spec": {"url": URL, "workspaceId": "1", **workspace}}
        cache.put("Workspace", home)
    for one in syncs:
        cache.put("Sync", one)
    return cache


def test_who_asks_for_a_sync_without_credentials_has_no_claim_to_it() -> None:
    asks = sync(obj("other", "a"), externalId="5")
    has = sync(obj("other", "b"), status={"id": "6", "url": URL, "workspaceId": "1"})
    cache, place, here = connected_cache(asks, has), place_of(URL, "1"), Ref("team", "a")

    def refused(home: Ref) -> bool:
        return home == Ref("other", "default")

    assert cache.claimed(place, ["5", "6"], but=here, refused=nobody) == {"5", "6"}
    assert cache.claimed(place, ["5", "6"], but=here, refused=refused) == {"6"}
    assert cache.rivals(place, "5", but=here, refused=refused) == ()


def test_ids_are_numbers() -> None:
    asks = sync(obj("other", "a"), externalId="005")
    has = sync(obj("other", "b"), status={"id": "6", "url": URL, "workspaceId": "00001"})
    cache, here = connected_cache(asks, has, workspaceId="01"), Ref("team", "a")

    assert cache.claimed(place_of(URL, "1"), ["5", "6"], but=here, refused=nobody) == {"5", "6"}
    assert wanted_id(asks) == "5"


def test_a_sync_at_a_former_address_has_its_claim_at_the_new_one() -> None:
    former = "https://before.example.com"
    has = sync(obj("other", "a"), status={"id": "5", "url": f"{former}/", "workspaceId": "1"})
    place, here = place_of(URL, "1"), Ref("team", "a")

    moved = connected_cache(has, previousUrls=[former])
    assert moved.claimed(place, ["5"], but=here, refused=nobody) == {"5"}
    assert connected_cache(has).claimed(place, ["5"], but=here, refused=nobody) == set()


def test_a_spec_that_cannot_be_read_is_no_crash() -> None:
    cache = Cache()
    bare = {"metadata": obj("team", "a")}
    cache.put("Workspace", deepcopy(bare) | {"spec": {}})
    cache.put("Sync", deepcopy(bare))
    cache.put("Sync", sync(obj("team", "b"), externalId="5"))

    assert cache.claimants("5") == {Ref("team", "b")}
    assert cache.rivals(place_of(URL, "1"), "5", but=Ref("team", "a"), refused=nobody) == ()
    assert cache.workspaces_using(Ref("team", "token")) == []


def test_what_is_known_as_it_is_is_not_kept_twice() -> None:
    cache, old, new = Cache(), sync(obj("team", "a", version=4)), sync(obj("team", "a", version=5))
    cache.put("Sync", deepcopy(old))

    assert cache.kept("Sync", deepcopy(old)) is cache.get("Sync", Ref("team", "a"))
    assert cache.kept("Sync", deepcopy(new)) == new
    assert cache.get("Sync", Ref("team", "a")) == old, "asking changes nothing"


def test_an_answer_that_comes_after_the_end_brings_nothing_back() -> None:
    now = 0.0
    cache = Cache(lambda: now)
    held = sync(obj("team", "a"), status={"id": "1", "url": URL, "workspaceId": "1"})
    cache.put("Sync", held)
    cache.bury("Sync", held)
    late = sync(obj("team", "a", version=2), status={"id": "1", "url": URL, "workspaceId": "1"})

    assert not cache.put("Sync", late)
    assert run(cache.replace("Sync", [late], known=[])) == []
    assert not cache.has("Sync", Ref("team", "a"))
    assert cache.claimants("1") == set()

    other_life = sync(obj("team", "a", uid="another", version=3))
    assert cache.put("Sync", other_life)
    assert run(cache.replace("Sync", [], known=[other_life])) == [other_life]


def test_ends_are_not_remembered_for_ever() -> None:
    now = 0.0
    cache = Cache(lambda: now)
    for number in range(100):
        now = float(number)
        cache.bury("Sync", sync(obj("team", "a", uid=f"uid-{number}")))

    assert len(cache._tombstones) == 91
    assert cache.put("Sync", sync(obj("team", "a", uid="uid-1"))), "as after the cluster was restored"


def test_users_of_a_secret_are_found_for_as_long_as_they_use_it() -> None:
    cache = Cache()
    entries = [{"pointer": "/key", "secretKeyRef": {"name": "mine", "key": "k"}}]
    cache.put("Workspace", workspace(obj("team", "w"), caSecretRef={"name": "ca", "key": "k"}))
    cache.put("Sync", sync(obj("team", "a"), configurationSecrets=entries))
    assert cache.workspaces_using(Ref("team", "ca")) == [Key("Workspace", "team", "w")]
    assert cache.workspaces_using(Ref("other", "ca")) == []
    assert cache.syncs_using(Ref("team", "mine")) == [Key("Sync", "team", "a")]

    cache.put("Workspace", workspace(obj("team", "w", version=2)))
    cache.drop("Sync", sync(obj("team", "a")))

    assert cache.workspaces_using(Ref("team", "ca")) == cache.syncs_using(Ref("team", "mine")) == []
    assert not any(map(len, cache._by_secret.values())) or cache.workspaces_using(Ref("team", "token"))
    assert len(cache._members) == 0
