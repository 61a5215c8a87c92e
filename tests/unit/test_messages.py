"""The golden file of messages: what it promises of itself."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.messages import GOLDEN, Entry, Messages, entries, page

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker

TEXT = GOLDEN.read_text("utf-8")
ONE, OTHER = Blocker(Reason.REJECTED, "change the spec"), Blocker(Reason.CONFLICT, "delete it")


def test_it_is_as_it_is_written() -> None:
    assert page(entries(TEXT)) == TEXT, "run `make messages`"
    assert entries(TEXT)


def _stale(tests: set[str]) -> Iterator[str]:
    """Tests that the file names, and that are not there."""
    cases = {test.partition("[")[0] for test in tests}
    for test in entries(TEXT):
        function = test.partition("[")[0]
        file, _, name = function.rpartition("::")
        path = GOLDEN.parent / file
        gone = not path.is_file() or not re.search(rf"def {name}\([^)]*\bmessages:", path.read_text("utf-8"))
        if gone or (function in cases and test not in tests):
            yield test


def test_it_holds_nothing_of_tests_that_are_gone(request: pytest.FixtureRequest) -> None:
    assert not list(_stale({item.nodeid.removeprefix("tests/unit/") for item in request.session.items}))


ENTRY: st.SearchStrategy[Entry] = st.tuples(
    st.sampled_from(["Conflict", "Rejected"]), st.sampled_from(["spec.url: it is wrong; mend it", "no", "never"])
)


@given(st.dictionaries(st.sampled_from(["a.py::b", "a.py::b[c 1]", "d/e.py::f"]), st.lists(ENTRY, min_size=1)))
def test_it_is_read_as_it_was_written(said: dict[str, list[Entry]]) -> None:
    assert entries(page(said)) == said


@pytest.mark.parametrize(
    ("recorded", "wrong"),
    [
        ([("Rejected", "change the spec"), ("Conflict", "delete it")], ""),
        ([("Rejected", "change it"), ("Conflict", "delete it")], "message 1 of this test is not that of"),
        ([("Conflict", "change the spec"), ("Conflict", "delete it")], "message 1 of this test is not that of"),
        ([("Rejected", "change the spec")], "message 2 of this test is not that of"),
        ([("Rejected", "change the spec"), ("Conflict", "delete it"), ("Conflict", "more")], "has more messages"),
    ],
)
def test_each_message_is_compared(recorded: list[Entry], wrong: str) -> None:
    said = Messages(recorded)

    def check() -> None:
        said(ONE, OTHER)
        said.close()

    if wrong:
        with pytest.raises(AssertionError, match=f"{wrong}.*make messages"):
            check()
    else:
        check()
