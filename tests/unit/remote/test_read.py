from typing import Any

import pytest

from sync_operator.bounds import MAX_ITEM_BYTES, MAX_VALUES_OF_SERVER
from sync_operator.decide.diff import differing_fields
from sync_operator.errors import TransientError
from sync_operator.remote.read import read_list, read_sync, read_user
from sync_operator.remote.types import User

ONE = {"id": "7", "type": "syncs", "attributes": {"stream_name": "orders"}}


@pytest.mark.parametrize("body", [{"data": [ONE]}, [ONE], {"data": [ONE, None, {"id": "x"}], "links": {}}])
def test_a_list_may_be_wrapped_and_what_cannot_be_read_is_left_out(body: Any) -> None:
    assert [sync.id for sync in read_list(body, read_sync)] == ["7"]


@pytest.mark.parametrize("body", [None, {}, {"data": None}, {"data": {}}, {"error": "?"}, "syncs", 7])
def test_what_is_no_list_is_not_taken_for_an_empty_one(body: Any) -> None:
    with pytest.raises(TransientError, match="something else was answered"):
        read_list(body, read_sync)


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"many": [{}] * MAX_VALUES_OF_SERVER}, "values"),
        ({"long": "x" * MAX_ITEM_BYTES}, "KiB"),
        (["x"] * MAX_VALUES_OF_SERVER, "values"),
    ],
)
def test_a_configuration_larger_than_any_that_was_written_is_not_kept(configuration: Any, words: str) -> None:
    attributes = {"stream_name": "orders", "configuration": configuration}
    sync = read_sync({"data": {"id": "7", "attributes": attributes}})
    assert sync is not None
    assert sync.attributes["stream_name"] == "orders"
    assert words in sync.attributes["configuration"]
    assert differing_fields({"configuration": configuration}, sync.attributes) == ("configuration",)


@pytest.mark.parametrize(
    ("told", "known"),
    [("7", "7"), (7, "7"), ("0", ""), ("seven", ""), (None, ""), ("9" * 5000, "")],
)
def test_the_id_of_a_user_is_a_number_or_nothing(told: Any, known: str) -> None:
    body = {"data": {"id": told, "type": "users", "attributes": {"email": "a@b.example", "role": "Admin"}}}

    assert read_user(body) == User("a@b.example", "Admin", known)
