import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.syncapi.row_reasons import reason_of

CONSTRAINT = 'ERROR: new row for relation "s" violates check constraint "c"'


def record(logs: Any) -> dict[str, Any]:
    return {"id": "1", "type": "sync_records", "attributes": {"record": {"email": "u7@x.org"}, "logs": logs}}


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ({"response": f"{CONSTRAINT}\nDETAIL:  Failing row contains (7, u7@x.org, null)."}, CONSTRAINT),
        ({"error": f"{CONSTRAINT} Failing row contains (7, planted)."}, CONSTRAINT),
        (
            {"message": 'duplicate key value violates "u" Key (email)=(planted) already exists'},
            'duplicate key value violates "u"',
        ),
        ("Duplicate entry 'planted' for key 'people.email'", "Duplicate entry … for key 'people.email'"),
        ('invalid input syntax for type integer: "planted"', "invalid input syntax for type integer: …"),
        ("Incorrect integer value 'planted' for column 'a'", "Incorrect integer value … for column 'a'"),
        ("(psycopg.Error) no [SQL: INSERT INTO s VALUES ('planted')] [parameters: ('planted',)]", "(psycopg.Error) no"),
        ({"request": "INSERT planted", "response": None}, None),
        ({"request": "INSERT planted", "response": {"message": "refused", "email": "planted"}}, "refused"),
        (
            {"response": json.dumps({"message": "Contact already exists. Existing ID: 1234567", "x": "planted"})},
            "Contact already exists. Existing ID: …",
        ),
        ({"response": [{"error": "bad", "row": "planted"}]}, "bad"),
        ("someone@planted.example is not subscribed", "… is not subscribed"),
        ({"response": '{"broken'}, '{"broken'),
        ({}, None),
        (None, None),
        (7, "7"),
    ],
)
def test_a_reason_holds_nothing_of_the_row(logs: Any, reason: str | None) -> None:
    assert reason_of(record(logs)) == reason


@pytest.mark.parametrize("odd", [None, [], "x", {"attributes": None}, {"attributes": {"logs": [[[[["x"]]]]]}}])
def test_records_of_any_form_are_read(odd: Any) -> None:
    assert reason_of(odd) is None


def test_a_huge_log_is_read_no_further_than_a_text_goes() -> None:
    assert len(reason_of(record({"response": "x" * 2**20})) or "") == 4096


@given(st.integers(0, 10**6), st.text(alphabet="abcxyz@.", max_size=20))
def test_equal_reasons_are_equal(number: int, word: str) -> None:
    said = f"{CONSTRAINT}\nDETAIL:  Failing row contains ({number}, {word}, null)."
    assert reason_of(record({"response": said})) == CONSTRAINT
