"""Connectors and models as the client lists them, in both dialects."""

import pytest
from tests.support.served import START, Served

from sync_operator.errors import TransientError
from sync_operator.syncapi.types import NamedResource, RefKind


@pytest.mark.parametrize("role", list(RefKind))
async def test_a_list_is_whole_however_many_a_page_holds(either: Served, role: RefKind) -> None:
    for number in range(100, 350):
        either.store.add_named(role.value, number, f"one of many, {number}")

    found = await either.client.list_named(role)

    assert {entry.id for entry in found} >= set(range(100, 350))
    assert len({entry.id for entry in found}) == len(found)


async def test_sources_and_destinations_are_told_apart(either: Served) -> None:
    either.store.add_named("source", 21, "Warehouse")
    either.store.add_named("destination", 22, "Warehouse")

    found = {role: await either.client.list_named(role) for role in RefKind}

    assert [entry.id for entry in found[RefKind.SOURCE] if entry.name == "Warehouse"] == [21]
    assert [entry.id for entry in found[RefKind.DESTINATION] if entry.name == "Warehouse"] == [22]
    assert NamedResource(3, "model 3", START, connector_id=1) in found[RefKind.MODEL]


async def test_what_fits_a_page_is_asked_for_once(either: Served) -> None:
    for role in RefKind:
        await either.client.list_named(role)

    asked = [path for _, path, _ in either.seen()]
    assert asked == ["/connectors", "/connectors", "/models"]


async def test_where_no_links_are_told_the_next_page_is_looked_at(api: Served) -> None:
    things = [{"id": str(number), "attributes": {"name": f"model {number}"}} for number in (7, 8)]
    # One row is too little to overlap: the list is read by pages of that size, and its first and last one once more.
    for page in (things[:1], things[:1], things[1:], [], things[:1], things[1:]):
        api.fault(path="/models", status=200, body={"data": page})

    assert await api.client.list_named(RefKind.MODEL) == (NamedResource(7, "model 7"), NamedResource(8, "model 8"))


async def test_what_has_no_name_or_id_is_left_out(api: Served) -> None:
    odd = [{"id": "x", "attributes": {"name": "a"}}, {"id": "5", "attributes": {"name": None}}, {"id": "6"}, None]
    api.fault(path="/models", status=200, body={"data": odd, "links": {"next": None}})

    assert await api.client.list_named(RefKind.MODEL) == ()


async def test_what_is_no_list_is_never_taken_for_an_empty_one(api: Served) -> None:
    api.fault(path="/models", status=200, body={"message": "hello"})

    with pytest.raises(TransientError):
        await api.client.list_named(RefKind.MODEL)
