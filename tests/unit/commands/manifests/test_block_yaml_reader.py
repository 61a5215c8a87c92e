"""What is read without a YAML parser is the same, to the value and to the column, as what that parser reads."""

import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.cut_files import FILES
from tests.support.manifests import sync_manifest

from sync_operator.api.validation.strict_validation import FieldPath
from sync_operator.commands.export.yaml_writer import dump_yaml
from sync_operator.commands.manifests.document_splitter import Cut
from sync_operator.commands.manifests.yaml_parsing.block_yaml_reader import block_spot, block_value
from sync_operator.commands.manifests.yaml_reader import Document, parsed_documents

SCALARS = (
    "1|-1|1_000|0x1F|0o17|08|1e3|.5|+1|yes|on|~|null|x y|a:b|a#b|http://a.b:80/c|12:30:45|2001-01-01|'q: x'|''"
    '|"d # e"'
    "|{}|[]|*x|&x 1|!t x|@x|%x|- x|a: b|{a: 1}|[1]|\"a\\n\"|'|\"|'it''s'|Größe|\xa0x|😀|x\u2028y|x\ty"
    "|.inf|(a)|<<|=|---|..."
)
LINES = st.builds(
    lambda dash, key, value, tail: f"{dash}{key}{value}{tail}",
    st.sampled_from(["", "", "", "- ", "-  ", "- - ", "? "]),
    st.sampled_from(["a: ", "b: ", "c:", "a.b/c-d: ", "a:", "'a': ", "<<: ", "on: ", ""]),
    st.sampled_from(["", "", "1", *SCALARS.split("|")]),
    st.sampled_from(["", "", "", "  ", " # c", "#", "\r"]),
)
TEXTS = st.builds(
    lambda rows, end: "\n".join(" " * max(0, indent) + line for indent, line in rows) + end,
    st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 2, 2, 4, 4, 6, 1, 3]), LINES | st.sampled_from(["", "# c"])), max_size=7
    ),
    st.sampled_from(["\n", "\n", "\n", "", "\n\n", "\n  \n"]),
)
MANY = "a:\n- b: 1\n  c:\n    d: 'x'\n    e:\n      - 1\n      - {}\n-   f:\n    - g\n# c\nh: [] # i\nj:\nk: \"l: m\"\n"


def _paths(value: Any, at: FieldPath = ()) -> Iterator[FieldPath]:
    yield from (at, (*at, "nowhere"), (*at, 99))
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from _paths(inner, (*at, name))


def _is_read_alike(text: str) -> bool:
    """Whether the text is read without a parser; then the parser must read the same."""
    quick = block_value(text)
    if quick is None:
        return False
    value, start = quick
    (document,) = parsed_documents(Cut(text, 0, len(text), 0))
    assert isinstance(document, Document)
    assert document.syntax_errors == ()
    assert json.dumps(document.value) == json.dumps(value)
    assert document.start == start
    for path in _paths(value):
        for key in (False, True):
            assert block_spot(text, path, key=key) == document.spot(path, key=key), (path, key)
    return True


@given(TEXTS)
def test_whatever_is_read_is_what_a_parser_reads(text: str) -> None:
    _is_read_alike(text)


def test_every_form_of_the_style_is_read() -> None:
    assert _is_read_alike(MANY)


@given(st.data())
def test_a_mistake_anywhere_is_seen(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(MANY)))
    cut = data.draw(st.integers(0, 3))
    _is_read_alike(MANY[:at] + data.draw(st.text(" -:#'\"\n[]{}ab&*!|>%@\t", max_size=3)) + MANY[at + cut :])


def test_files_that_kubectl_was_given_are_read_alike() -> None:
    texts = [text for file in FILES if len(text := file.content.decode("utf-8", "replace")) < 10_000]
    assert sum(_is_read_alike(part) for text in texts for part in re.split(r"(?m)^---.*\n?", text)) > 0


def test_a_manifest_as_export_writes_it_needs_no_parser() -> None:
    assert _is_read_alike(dump_yaml(sync_manifest("orders", streamName="Bestände", cronExpression="*/5 * * * *")))
