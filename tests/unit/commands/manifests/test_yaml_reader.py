import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.judging import documents_of

from sync_operator.commands.manifests.spans import Span

PLAIN = st.text(st.characters(codec="ascii", exclude_characters="\x7f"), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", max_size=3), inner, max_size=3),
)


def values(text: str) -> list[Any]:
    documents, broken = documents_of(text)
    assert broken is None
    return [document.value for document in documents]


def messages(text: str) -> list[tuple[int, str]]:
    documents, broken = documents_of(text)
    found = [error for document in documents for error in document.syntax_errors]
    return [(entry.spot.line, entry.message) for entry in (*found, *([broken] if broken else []))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: yes\nb: 'yes'\nc: 0o17\nd: 3.0\n", [{"a": True, "b": "yes", "c": 15, "d": 3}]),
        ("1: a\ntrue: b\n~x: c\n", [{"1": "a", "true": "b", "~x": "c"}]),
        ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3\n", [{"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}]),
        ("a: {<<: [{b: 1}, {b: 2, c: 3}]}\n", [{"a": {"b": 1, "c": 3}}]),
        ("'<<': {a: 1}\n", [{"<<": {"a": 1}}]),
        ("a: 1\n---\n# nothing\n---\n- b\n...\n", [{"a": 1}, ["b"]]),
        ("", []),
        ("\ufeffa: 1\r\nb: 2\r\n", [{"a": 1, "b": 2}]),
        ('{"a":\t[1, null]}', [{"a": [1, None]}]),
        (r' {"a\ud83d\ude00": "\\ud83d\\ude00 \uD83D\uDE00"}', [{"a😀": r"\ud83d\ude00 😀"}]),
        ('a: "\\U0001f600\\a"\n', [{"a": "😀\a"}]),
    ],
)
def test_values_are_those_of_kubernetes(text: str, expected: list[Any]) -> None:
    assert values(text) == expected


@given(JSON)
def test_json_is_read_as_json(value: Any) -> None:
    assert values(json.dumps(value)) == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 2, "'a' is written twice"),
        ("1: a\n'1': b\n", 1, "'1' is written twice"),
        ("a:\n  ? [x]\n  : y\n", 1, "cannot be the name of a field"),
        ("~: a\n", 0, "cannot be the name of a field"),
        ("a: .inf\n", 0, "not a number that JSON knows"),
        ("a:\n  <<: 3\n", 1, "<< needs an object"),
        ("a: &x [*x]\n", 0, "aliases that never end"),
        ("a: 1\n b: 2\n", 1, "cannot be read as YAML"),
        ("a: [\n", 1, "cannot be read as YAML"),
        ("a: 1\nb: \x01\n", 1, "does not allow"),
        ("good: 1\n---\nb: *nothing\n", 2, "undefined alias"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, words: str) -> None:
    ((found, message),) = messages(text)

    assert found == line
    assert words in message


@given(st.dictionaries(st.text("a\\u😀"), st.text('a\\"😀é\U0010ffff'), min_size=1))
def test_json_in_plain_ascii_is_read_as_json_and_every_column_stays(value: dict[str, str]) -> None:
    text = json.dumps(value)[:-1] + ', "end":1}'

    (document,), broken = documents_of(text)

    assert broken is None
    assert document.value == value | {"end": 1}
    assert document.spot(("end",)) == Span(0, len(text) - 2, len(text) - 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1\n", 1, 0, "use spaces"),
        ("a:\n  b: 1\n\tc: 2\n", 2, 0, "use spaces"),
        ("a: @daily\n", 0, 3, "'@' cannot begin a value; put the value in quotes"),
        ("a: */5 * * * *\n", 0, 3, "put the value in quotes"),
        ("a: *x\n", 0, 3, "an undefined alias; put the value in quotes"),
        ("a:\n  b: 'x\n  c: 1\n", 1, 5, "a quote that is never closed"),
        ("a: 1\nb\nc: 1\n", 1, 0, "no ':' comes after this"),
        ("a: b: c\n", 0, 4, "no ':' can be here"),
        ("a:\n  b: 1\n c: 2\n", 2, 1, "no field can begin here; correct the indentation"),
        ("a:\n  - b: 1\n   c: 2\n", 2, 3, "no item of the list begins here"),
        ("\n{a: 1 b: 2}\n", 1, 7, "for the '{' in line 2"),
        ('{"a": 1 "b": 2}', 0, 11, "',' or '}' is missing before this, for the '{' in line 1"),
        ("a: [1\nb: 2\n", 1, 1, "',' or ']' is missing before this, for the '[' in line 1"),
        ('a: "\\d"\n', 0, 4, "begins no escape"),
        ("a: |x\n", 0, 4, "did not find expected comment or line break"),
        ("é: 1\r\nb: é\x01\r\n", 1, 4, "remove it"),
        ("\ufeffa: @\n", 0, 3, "cannot begin a value"),
    ],
)
def test_what_cannot_be_read_is_shown_where_it_is_to_be_mended(text: str, line: int, column: int, words: str) -> None:
    _, broken = documents_of(text)

    assert broken is not None
    assert broken.spot == Span(line, column, column + 1)
    assert words in broken.message


def test_a_bomb_of_aliases_is_refused_in_good_time() -> None:
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))

    ((_, message),) = messages(text)

    assert "aliases that never end" in message


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 100_000, '{"a":' * 100_000, "- " * 100_000, "\n".join(" " * n + "a:" for n in range(500))]
)
def test_what_is_nested_too_deeply_is_refused_and_crashes_nothing(text: str) -> None:
    ((_, message),) = messages(text)

    assert "nested more than 200 levels deep" in message


def test_many_brackets_beside_each_other_are_no_depth() -> None:
    assert values("a: [" + "{}, " * 1000 + "]") == [{"a": [{}] * 1000}]


def test_documents_before_a_mistake_are_still_read() -> None:
    many: list[object] = [{}] * 500

    documents, broken = documents_of(f"a: {many}\n---\nb: [\n")

    assert [document.value for document in documents] == [{"a": many}]
    assert broken is not None


TEXT = """\
metadata:
  name: x
spec:
  list:
    - one
    - {two: 2}
  again: &a {b: c}
  other: {<<: *a}
"""


@pytest.mark.parametrize(
    ("path", "key", "spot"),
    [
        (("metadata", "name"), False, Span(1, 8, 9)),
        (("metadata", "name"), True, Span(1, 2, 6)),
        (("spec", "list", 0), False, Span(4, 6, 9)),
        (("spec", "list", 1, "two"), False, Span(5, 12, 13)),
        (("spec", "list"), False, Span(3, 2, 6)),
        (("spec", "missing"), False, Span(2, 0, 4)),
        (("spec", "missing", "deep"), True, Span(2, 0, 4)),
        (("spec", "other", "b"), False, Span(7, 2, 7)),
        (("nowhere",), False, Span(0, 0, 1)),
    ],
)
def test_each_path_has_its_span_in_the_text(path: tuple[str | int, ...], key: bool, spot: Span) -> None:
    (document,), _ = documents_of(TEXT)

    assert document.spot(path, key=key) == spot
