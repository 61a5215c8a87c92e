import re

import pytest
from hypothesis import given
from tests.support.bad_pipelines import BAD_QUERIES, GOOD_QUERIES, PIECES
from tests.support.messages import Messages

from sync_operator.api.rules.query_text import is_ordered, normalized_query, query_faults, takes_cursor

AT_A_LINE_END = re.compile(r"\b(?:LIMIT|OFFSET)\b\s*\d*\s*;?\s*$", re.IGNORECASE | re.MULTILINE | re.ASCII)
"""What the server refuses when a model is written, as its own code has it."""
AT_RUN_TIME = re.compile(r"LIMIT \d+", re.IGNORECASE | re.ASCII)
"""What it refuses when a run reads."""


@pytest.mark.parametrize("name", BAD_QUERIES)
def test_a_query_on_which_every_run_would_break_is_refused(name: str, messages: Messages) -> None:
    query, words = BAD_QUERIES[name]

    found = list(query_faults(query))

    assert any(words in message for message in found)
    for message in found:
        messages.text("InvalidSpec", f"spec.query {message}")


@pytest.mark.parametrize("name", GOOD_QUERIES)
def test_a_query_on_which_none_would_break_is_taken(name: str) -> None:
    assert list(query_faults(GOOD_QUERIES[name])) == []


def test_the_line_is_that_of_the_text_as_written() -> None:
    found = list(query_faults("\n\nSELECT 1\n;\nSELECT 2 LIMIT 3\n-- end\n"))

    assert [re.findall(r"line (\d+)", message) for message in found] == [["5"], ["4"], ["6"]]


@given(PIECES)
def test_what_the_server_refuses_by_its_own_patterns_is_refused(query: str) -> None:
    sent = normalized_query(query)
    refused = bool(AT_A_LINE_END.search(sent) or AT_RUN_TIME.search(sent))

    assert any("LIMIT or OFFSET, and" in message for message in query_faults(query)) or not refused


@given(PIECES)
def test_what_is_sent_has_no_end_that_a_page_could_not_follow(query: str) -> None:
    sent = normalized_query(query)

    assert sent == normalized_query(sent)
    assert not sent.endswith(("\n", " ", ";"))
    assert sent in query
    assert (sent == "") == any("holds no query" in message for message in query_faults(query))


@given(PIECES)
def test_the_same_is_said_of_the_text_as_written_and_as_sent(query: str) -> None:
    def said(text: str) -> list[str]:
        return [re.sub(r" \(line \d+\)", "", message) for message in query_faults(text)]

    assert said(query) == said(normalized_query(query))


@pytest.mark.parametrize(
    "text", ["'" * 65_536, "\\'" * 32_768, "/*" * 32_768, "-" * 65_536, "limit " + " " * 65_000 + "x"]
)
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    for _ in range(20):
        list(query_faults(text))


@pytest.mark.parametrize(
    ("query", "takes"),
    [
        ("SELECT id FROM t", True),
        ("SELECT id FROM a JOIN shop.b ", True),
        ("SELECT * FROM (SELECT id FROM t WHERE a = 1 ORDER BY id)", True),
        ("SELECT * FROM (SELECT id FROM t WHERE a = 1) s, t;", True),
        ("SELECT 'where' FROM t -- where\n", True),
        ("SELECT id FROM t WHERE a IN (1, 2)", True),
        ("", True),
        ("SELECT id FROM t ORDER BY id", False),
        ("select id from t where (a = 1) and b = 2;", False),
        ("SELECT id FROM a JOIN b ON a.id = b.id", False),
        ("SELECT id FROM t GROUP BY id", False),
    ],
)
def test_whether_a_run_can_put_its_cursor_field_behind_a_query(query: str, *, takes: bool) -> None:
    assert takes_cursor(query) is takes


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT 1 ORDER BY id", True),
        ("select 1 order\n by id", True),
        ("SELECT 1", False),
        ("SELECT reorder by", False),
    ],
)
def test_whether_a_query_is_ordered(query: str, *, ordered: bool) -> None:
    assert is_ordered(query) is ordered
