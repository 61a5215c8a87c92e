"""A List that is read item by item is what a parser reads in its whole: values, positions and errors."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.judging import judged
from tests.support.manifests import sync_manifest

from sync_operator.api.validation.strict_validation import FieldPath
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.document_splitter import Cut
from sync_operator.commands.manifests.manifest_set import load_manifests
from sync_operator.commands.manifests.spans import Span, YamlError
from sync_operator.commands.manifests.yaml_reader import Document, parsed_documents, read_documents

PIECES = (
    *("- a: 1\n", "- x\n", "-\n", "- {a: 1}\n", "- &x\n  a: 1\n", "- *x\n", "- a: |\n    - b\n", "- 'q\n- r'\n"),
    *("- a: 1\n  a: 2\n", "- {a: 1, a: 2}\n", "- [\n- b]\n", "- |\n  x\n", "  - a: 1\n", " - z: 1\n", "# c\n\n"),
    *("- <<: *x\n  b: 1\n", "- a\n  b\n", "- - a\n  - b\n", "...\n", "kind: y\n", "odd\n", "- !t a\n", "- b: !t\n"),
    *("- a: 1 # c\n  b: {}\n", "-   a: 1\n    b:\n    - 1\n", "\t- a\n", "- \ufeffa\n", "- .inf\n", "- a: b: c\n"),
)
TEXTS = st.builds(
    lambda head, indent, pieces, tail: f"{head}items:\n{''.join(indent + piece for piece in pieces)}{tail}",
    st.sampled_from(["apiVersion: v1\nkind: List\n", "apiVersion: v1\n", "# c\nkind: List\napiVersion: v1\n"]),
    st.sampled_from(["", "", "  "]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=4),
    st.sampled_from(["", "", "", "kind: List\n", "metadata: {}\n", "items: []\n", "...\n"]),
)


def whole(text: str) -> list[Document | YamlError]:
    """What a parser reads."""
    return list(parsed_documents(Cut(text, 0, len(text), 0)))


def items_of(documents: Sequence[Document | YamlError]) -> list[tuple[object, ...]]:
    """The items of Lists, with their positions and their duplicate keys, as `validate` looks at them."""
    found: list[tuple[object, ...]] = []
    for document in documents:
        if not isinstance(document, Document):
            continue
        if document.head is not None:
            values = list(enumerate(document.value))
        else:
            values = list(enumerate(document.value["items"]))[document.skipped :]
        for number, value in values:
            path: FieldPath = (number,) if document.head is not None else ("items", number)
            own = [Span(0, 0, 0) if it.path[: len(path)] != path else it.spot for it in document.syntax_errors]
            spots = [document.spot((*path, *rest)) for rest in ((), ("a",), ("b",), (0,))]
            found.append((json.dumps(value), *spots, [spot for spot in own if spot.end]))
    return found


@settings(max_examples=300)
@given(TEXTS)
def test_a_list_in_yaml_is_what_a_parser_reads_in_its_whole(text: str) -> None:
    expected, found = whole(text), list(read_documents(text))

    errors = [entry for entry in expected if isinstance(entry, YamlError)]
    # Kubernetes takes an anchor of the same name in another item.
    assume(not any("duplicate anchor" in error.message for error in errors))
    assert [entry for entry in found if isinstance(entry, YamlError)] == errors
    documents = [entry for entry in expected if isinstance(entry, Document)]
    if documents and isinstance(documents[0].value.get("items"), list):
        assert items_of(found) == items_of(documents)


JSON_ITEMS = st.lists(
    st.sampled_from(
        ['{"a": 1}', '{"a": {"b": [2, "x"]}}', "null", "3", '"x"', '{"a": 1, "a": 2}', "[]", '{"a":"\\ud83d"}']
    ),
    max_size=4,
)


@given(JSON_ITEMS, st.booleans(), st.sampled_from(["\n", " ", "\r\n", ""]), st.sampled_from(["", "\n", "}", ",", "{}"]))
def test_a_list_in_json_is_what_is_read_in_its_whole(items: list[str], last: bool, space: str, tail: str) -> None:
    fields = ['"apiVersion": "v1"', f'"items":{space}[{f",{space}".join(items)}]']
    fields.insert(len(fields) if last else 0, '"kind": "List"')
    text = f"{{{space}{f',{space}'.join(fields)}{space}}}{tail}"
    found = [entry for entry in read_documents(text) if isinstance(entry, Document) and entry.head is not None]

    if tail in {"", "\n", "{}"}:
        # An item with half a character is refused.
        assert [entry.value for entry in found] == [[json.loads(item)] for item in items if "ud83d" not in item]
        for entry in found:
            assert text[entry.cut.start : entry.cut.end] in items
            assert [
                it.message for it in entry.syntax_errors if it.path == (0,)
            ] != [] or ', "a": 2' not in entry.cut.text
            lines = text[: entry.cut.start].replace("\r\n", "\n").split("\n")
            assert (entry.start.line, entry.start.column) == (len(lines) - 1, len(lines[-1]))


@pytest.mark.parametrize(
    "broken", ['"kind": "List"', '"x": NaN', '"spec": {}', '"items": []', '"kind": 3', '"items": {}']
)
def test_what_is_no_valid_list_is_read_as_before(broken: str) -> None:
    text = f'{{"apiVersion": "v1", "kind": "List", {broken}, "items": [{{"a": 1}}]}}'

    assert all(entry.head is None for entry in read_documents(text) if isinstance(entry, Document))


def test_an_item_in_another_style_is_judged_like_the_others() -> None:
    good, bad = sync_manifest("good"), sync_manifest("bad", sourceId=0)
    block = "".join(f"  {line}\n" for line in ("apiVersion: squared.ai/v1", "kind: Sync", "metadata: {name: x}"))[2:]
    text = f"apiVersion: v1\nkind: List\nitems:\n- {json.dumps(good)}\n- {json.dumps(bad)}\n- {block}"

    found = judged(text)

    assert [checked.valid for checked in found.syncs] == [True, False, False]
    assert [problem.line for problem in found.problems] == [5, 6]
    assert found.problems[0].column == text.splitlines()[4].index('"sourceId": 0') + len('"sourceId": ') + 1


def test_an_alias_of_another_items_anchor_is_known() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- &x\n  kind: Sync\n  apiVersion: squared.ai/v1\n"
        "- <<: *x\n  metadata: {name: a}\n- *x\n"
    )

    found = load_manifests([Source("a", text)], "default")

    assert [manifest.name for manifest in found.manifests] == ["", "a", ""]
    assert [manifest.line for manifest in found.manifests] == [4, 7, 4]


def test_what_comes_before_an_error_in_a_list_is_judged_too() -> None:
    text = f"apiVersion: v1\nkind: List\nitems:\n- {json.dumps(sync_manifest('a'))}\n- b: c: d\n"

    found = load_manifests([Source("a", text)], "default")

    assert [manifest.name for manifest in found.manifests] == ["a"]
    assert [problem.line for problem in found.problems] == [5]
