from typing import Any

import pytest

from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.errors import TransientError
from sync_operator.syncapi.parsing import parse_list, parse_sync, parse_user
from sync_operator.syncapi.types import User
from sync_operator.util.bounds import MAX_ITEM_BYTES, MAX_VALUES_OF_SERVER

ONE = {"id": "7", "type": "syncs", "attributes": {"stream_name": "orders"}}


@pytest.mark.parametrize("body", [{"data": [ONE]}, [ONE], {"data": [ONE, None, {"id": "x"}], "links": {}}])
def test_a_list_may_be_wrapped_and_what_cannot_be_read_is_left_out(body: Any) -> None:
    assert [sync.id for sync in parse_list(body, parse_sync)] == ["7"]


@pytest.mark.parametrize("body", [None, {}, {"data": None}, {"data": {}}, {"error": "?"}, "syncs", 7])
def test_what_is_no_list_is_not_taken_for_an_empty_one(body: Any) -> None:
    with pytest.raises(TransientError, match="something else was answered"):
        parse_list(body, parse_sync)


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
    sync = parse_sync({"data": {"id": "7", "attributes": attributes}})
    assert sync is not None
    assert sync.attributes["stream_name"] == "orders"
    assert words in sync.attributes["configuration"]
    assert SYNC_FIELDS.differing({"configuration": configuration}, sync.attributes) == ("configuration",)


@pytest.mark.parametrize(
    ("told", "known"),
    [("7", "7"), (7, "7"), ("0", ""), ("seven", ""), (None, ""), ("9" * 5000, "")],
)
def test_the_id_of_a_user_is_a_number_or_nothing(told: Any, known: str) -> None:
    body = {"data": {"id": told, "type": "users", "attributes": {"email": "a@b.example", "role": "Admin"}}}

    assert parse_user(body) == User("a@b.example", "Admin", known)
