from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.support.judging import documents_of

from sync_operator.commands.export.yaml_writer import dump_yaml

LINES = "y|on|No|~|null|| |0o17|017|1_000|0x1F|3.0|1e3|.inf|.5|2026-01-01|<<|=|a: b|a #b|- a|*x|&x|!x|%|@a|`a|'|\"|\t"
TRICKY = st.sampled_from([*LINES.split("|"), "a\nb", "a\n", "\n", "a\n\n b\n", "é😀"])
PRINTABLE = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff")
TEXTS = TRICKY | st.text(PRINTABLE, max_size=12)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_is_read_back_as_the_same(value: Any) -> None:
    (document,), broken = documents_of(dump_yaml({"value": value}))

    assert broken is None
    assert document.syntax_errors == ()
    assert document.value == {"value": value}


@pytest.mark.parametrize(
    ("text", "written"), [("orders", "orders"), ("on", "'on'"), ("0o17", "'0o17'"), ("12", "'12'")]
)
def test_quotes_are_only_there_where_they_are_needed(text: str, written: str) -> None:
    assert dump_yaml({"a": text}) == f"a: {written}\n"


def test_long_texts_are_blocks_and_nothing_is_an_alias() -> None:
    shared = ["x"]

    assert dump_yaml({"a": "one\ntwo\n", "b": shared, "c": shared}) == "a: |\n  one\n  two\nb:\n- x\nc:\n- x\n"


@given(VALUES)
def test_no_tag_is_needed_to_tell_what_a_value_is(value: Any) -> None:
    assert "!!" not in "".join(
        token.value[0] or token.value[1]
        for token in yaml.scan(dump_yaml({"value": value}))
        if isinstance(token, yaml.TagToken)
    )
