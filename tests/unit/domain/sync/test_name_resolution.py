"""What a list of the server's says of a name."""

import time

import pytest
from tests.support.snapshots import NOW

from sync_operator.domain.sync.name_resolution import ambiguous, missing, name_list, resolves_differently
from sync_operator.syncapi.types import NamedResource, RefKind

THINGS = {21: "Warehouse", 22: "Warehouse", 23: "Data lake", 24: "CRM"}


def listed(things: dict[int, str]) -> list[NamedResource]:
    return [NamedResource(number, name) for number, name in things.items()]


HELD = name_list(listed(THINGS), NOW)


def test_each_is_found_by_id_and_by_name_also_where_several_share_it() -> None:
    assert {number: named.name for number, named in HELD.by_id.items()} == THINGS
    assert [named.id for named in HELD.by_name["Warehouse"]] == [21, 22]


def test_one_that_is_listed_twice_is_one() -> None:
    assert (
        len(name_list([NamedResource(21, "Warehouse"), NamedResource(21, "Warehouse")], NOW).by_name["Warehouse"]) == 1
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Data Lake", "did you mean 'Data lake' (id 23)?"),
        (" crm ", "did you mean 'CRM' (id 24)?"),
        ("Warehose", "did you mean 'Warehouse' (id 21), 'Warehouse' (id 22)?"),
        ("x", "its sources are 'Warehouse' (id 21), 'Warehouse' (id 22), 'Data lake' (id 23), 'CRM' (id 24); write"),
    ],
)
def test_a_missing_name_is_told_with_the_candidates(name: str, words: str) -> None:
    said = missing(RefKind.SOURCE, name, HELD)

    assert said.startswith("the server has no source '")
    assert words in said
    assert "goes on by itself" in said


@pytest.mark.parametrize(
    ("name", "held", "words"),
    [
        ("Gr\u00f6\u00dfe", "Gro\u0308\u00dfe", "as character 3 has U+006F where the spec has U+00F6?"),
        ("Lager", "Lager ", "as character 6 has U+0020 where the spec has no more?"),
        ("My Shop", "My\u00a0Shop", "as character 3 has U+00A0 where the spec has U+0020?"),
    ],
)
def test_names_that_look_the_same_are_told_apart(name: str, held: str, words: str) -> None:
    said = missing(RefKind.SOURCE, name, name_list(listed({51: held}), NOW))

    assert "(id 51), which looks the same, but " in said
    assert words in said


def test_of_many_candidates_the_first_few_are_told() -> None:
    many = name_list(listed({number: f"model number {number}" for number in range(1, 1001)}), NOW)

    said = missing(RefKind.MODEL, "?", many)

    assert "'model number 5' (id 5) and 995 more" in said
    assert len(said) < 500


def test_a_server_without_any_says_so() -> None:
    assert "no model 'Customers', nor any other; make it" in missing(RefKind.MODEL, "Customers", name_list([], NOW))


def test_names_are_shown_short_on_one_line_and_without_secrets() -> None:
    held = name_list([NamedResource(5, "CRM\ntoken=planted " + "x" * 500)], NOW)

    said = missing(RefKind.SOURCE, "CRM", held)

    assert "planted" not in said
    assert "\n" not in said
    assert len(said) < 400


def test_an_ambiguous_name_is_told_with_all_ids() -> None:
    assert "the ids 21, 22; write one of them into spec.sourceId" in ambiguous(
        RefKind.SOURCE, "Warehouse", HELD.by_name["Warehouse"], "spec.sourceId"
    )


@pytest.mark.parametrize(
    ("name", "registered", "elsewhere", "words"),
    [
        ("CRM", 24, None, ""),
        ("Warehouse", 22, None, ""),
        ("Warehouse", 23, True, "'Warehouse' is source 21, 22 on the server, but sync 7 was registered with source 23"),
        ("CRM", 99, True, "write the right name or spec.sourceId: 99"),
        (
            "Lake",
            23,
            False,
            "registered with source 23, which is named 'Data lake', and that is fixed; write that name",
        ),
        ("Lake", 99, None, ""),
    ],
    ids=["the same", "one of several", "another", "another, and ours unlisted", "renamed", "neither listed"],
)
def test_a_name_is_held_against_what_was_registered(
    name: str, registered: int, elsewhere: bool | None, words: str
) -> None:
    found = resolves_differently(RefKind.SOURCE, name, HELD, registered, "7")

    assert (found and found[0]) is elsewhere
    assert words in (found[1] if found else "")


def test_among_ten_thousand_long_names_the_likest_is_found_without_comparing_them_all() -> None:
    long = [f"{number:04} {'warehouse of the northern region ' * 2}{number}" for number in range(10_000)]
    held = name_list([NamedResource(number, name) for number, name in enumerate(long, 1)], NOW)
    begun = time.process_time()
    assert "did you mean" in missing(RefKind.SOURCE, f"{long[5][:-2]}x", held)
    assert time.process_time() - begun < 0.5, "comparing all takes many seconds"
