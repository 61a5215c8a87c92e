import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_operator.errors import TransientError
from sync_operator.syncapi.http.body_reader import ListBody, PlainBody
from sync_operator.util.bounds import MAX_LIST_ITEMS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def feed_on(body: ListBody, content: bytes, step: int = 16_384) -> None:
    for at in range(0, len(content), step):
        body.feed(content[at : at + step])


def read(content: bytes, step: int) -> Any:
    body = ListBody(lambda item: ["read", item])
    feed_on(body, content, step)
    return body.end()


@settings(max_examples=15)
@given(st.lists(JSON, max_size=6), st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.data())
def test_a_list_is_read_however_its_bytes_come(items: list[Any], around: dict[str, Any], data: st.DataObject) -> None:
    step = data.draw(st.integers(1, 40))
    indent = data.draw(st.sampled_from([None, 1]))
    ascii_only = data.draw(st.booleans())
    around.pop("data", None)
    expected = [["read", item] for item in json.loads(json.dumps(items))]
    bare = json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode()
    assert read(bare, step) == expected
    whole = json.dumps({**around, "data": items, "links": None}, indent=indent, ensure_ascii=ascii_only).encode()
    assert read(whole, step) == json.loads(json.dumps({**around, "links": None})) | {"data": expected}


@pytest.mark.parametrize("step", [1, 2, 3, 5, 16_384])
@pytest.mark.parametrize("number", ["0.0", "-1.25", "1e5", "2E-7", "3.5e+2", "7"])
def test_a_number_may_be_cut_anywhere(number: str, step: int) -> None:
    value = json.loads(number)

    assert read(f'{{"a": {number}, "data": [{number}, {number}]}}'.encode(), step) == {
        "a": value,
        "data": [["read", value], ["read", value]],
    }


@settings(max_examples=15)
@given(st.lists(JSON, min_size=1, max_size=4), st.data())
def test_what_is_cut_or_goes_on_is_no_list(items: list[Any], data: st.DataObject) -> None:
    whole = json.dumps({"data": items}).encode()
    assert read(whole[: data.draw(st.integers(0, len(whole) - 1))], 7) is None
    assert read(whole + b"x", 7) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  ",
        b"7",
        b'"x"',
        b"null",
        b"{",
        b'{"data": [NaN]}',
        b"\xff\xfe[]",
        b'{"data" 7}',
        b"[" + b"9" * 5000 + b"]",
    ],
)
def test_what_is_no_list_is_none(content: bytes) -> None:
    assert read(content, 16) is None


def test_an_item_nested_too_deep_is_not_read() -> None:
    assert read(b'{"data": [' + b"[" * 500 + b"]" * 500 + b", 1]}", 64) == {"data": [["read", None], ["read", 1]]}


def test_a_deeper_one_ends_nothing_but_the_answer() -> None:
    assert read(b'{"data": [' + b"[" * 200_000, 16_384) is None


def test_a_list_with_more_items_than_are_read_is_refused() -> None:
    with pytest.raises(TransientError, match="more than 20000 items"):
        read(b"[" + b"{}," * (MAX_LIST_ITEMS + 5), 16_384)


@pytest.mark.parametrize("step", [16_384, 2**20])
def test_an_item_that_is_too_long_is_told_with_its_length(step: int) -> None:
    with pytest.raises(TransientError, match=r"item 2 of the list is too long: .*\d{3} KiB, .* 512 KiB are read"):
        read(b'["short", "' + b"x" * 600 * 1024 + b'"]', step)


def test_an_item_of_two_megabytes_is_not_waited_for() -> None:
    body = ListBody(lambda item: item)
    body.feed(b'["')
    with pytest.raises(TransientError, match="at least"):
        feed_on(body, b"x" * 2**21)
    assert len(body._text) + sum(map(len, body._parts)) == 0
    assert body.end() is None


def test_a_plain_body_is_read_at_its_end() -> None:
    body = PlainBody()
    body.feed(b'{"data"')
    body.feed(b": 1}")
    assert body.end() == {"data": 1}
