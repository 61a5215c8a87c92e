"""The mark in a description: what it proves, and that people's own words stay."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.registration.widgets import World

from sync_operator.api.constants import CLUSTER_ANNOTATION
from sync_operator.domain.identity.ownership_mark import mark_owner, marked_description, ownership_proof, unmarked
from sync_operator.syncapi.types import RemoteResource


def snapshot(uid: str = "uid-1", cluster: str = "here", annotation: str = "") -> Any:
    world = World()
    world.apply()
    assert world.stored is not None
    found = world.observe(replace(world.stored, uid=uid, annotations={CLUSTER_ANNOTATION: annotation}))
    return replace(found, cluster=cluster)


def remote(description: Any) -> RemoteResource:
    return RemoteResource("1", {"description": description})


@given(st.none() | st.text(max_size=30))
def test_a_mark_is_known_again_below_any_words(words: str | None) -> None:
    written = marked_description(snapshot(), words)

    assert ownership_proof(snapshot(), remote(written)) is True
    assert ownership_proof(snapshot(uid="uid-2"), remote(written)) is False
    assert unmarked({"description": written, "name": "a"}) == {"description": words or None, "name": "a"}
    assert mark_owner(remote(written)) == "uid-1"


def test_the_mark_of_another_cluster_proves_nothing() -> None:
    assert ownership_proof(snapshot("uid-2", "there"), remote(marked_description(snapshot(), None))) is None


def test_the_mark_stays_the_same_while_the_process_does_not_know_its_cluster() -> None:
    known = marked_description(snapshot(annotation="here"), "words")

    assert marked_description(snapshot(cluster="", annotation="here"), "words") == known
    assert marked_description(snapshot(cluster=""), None) == "Managed by sync-operator: uid-1"


@pytest.mark.parametrize("description", [None, 5, {"a": 1}, "", "made by hand", "Managed by sync-operator: two words"])
def test_what_is_no_mark_proves_nothing(description: Any) -> None:
    assert ownership_proof(snapshot(), remote(description)) is None
    assert mark_owner(remote(description)) is None
    assert unmarked({"description": description}) == {"description": description}
