import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.messages import Messages

from sync_operator.runner.outcome import ExitCode, RunOutcome, crash, termination_message
from sync_operator.syncapi.parsing import parse_run
from sync_operator.syncapi.types import RemoteRun, Rows, RunStatus

KEPT_BY_THE_KUBELET = 4096


def test_the_termination_message_tells_run_rows_and_words() -> None:
    run = RemoteRun(7, RunStatus.SUCCESS, rows=Rows(10, 10, 9, 1, 0))
    said = json.loads(termination_message(RunOutcome(ExitCode.FAILED, "one refused", run)))
    rows = {"queried": 10, "total": 10, "succeeded": 9, "failed": 1, "skipped": 0}
    assert said == {"message": "one refused", "runId": 7, "status": "success", "rows": rows}
    assert json.loads(termination_message(RunOutcome(ExitCode.REFUSED, "no"))) == {"message": "no"}


def test_a_defect_has_a_code_of_its_own_and_quotes_nothing(messages: Messages) -> None:
    run = RemoteRun(7, RunStatus.IN_PROGRESS)

    ending = crash(ValueError("secret"), run)

    assert (ending.code, ending.run) == (70, run)
    assert "secret" not in ending.message
    messages.text("ExitCode70", ending.message)
    messages.text("ExitCode70", crash(ValueError()).message)


@pytest.mark.parametrize("character", ["a", "ü", '"', "\x00", "\N{PILE OF POO}", "\ud800"])
def test_the_longest_termination_message_is_json_that_the_kubelet_keeps_whole(character: str) -> None:
    longest = 10**19 - 1
    run = RemoteRun(longest, RunStatus.IN_PROGRESS, rows=Rows(*[longest] * 5))
    message = termination_message(RunOutcome(ExitCode.FAILED, character * 5000, run))
    assert len(message.encode()) < KEPT_BY_THE_KUBELET
    assert json.loads(message)["message"].endswith(" …")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("status", "created_at", "started_at", "updated_at", "finished_at", "total_rows", "failed_rows", "error")


@given(st.integers(0, 10**30) | JSON, st.fixed_dictionaries(dict.fromkeys(FIELDS, JSON)), st.text())
def test_whatever_the_server_says_the_last_words_are_short_json(
    run_id: object, attributes: dict[str, object], words: str
) -> None:
    run = parse_run({"data": {"id": run_id, "attributes": attributes}})
    message = termination_message(RunOutcome(ExitCode.FAILED, words, run))
    assert len(message.encode()) < KEPT_BY_THE_KUBELET
    assert isinstance(json.loads(message), dict)


@pytest.mark.parametrize("count", [float("inf"), float("nan"), 10**25, -3, "many", None, [1]])
def test_counts_that_are_none_are_0(count: object) -> None:
    run = parse_run({"id": "7", "attributes": {"status": "success", "total_rows": count}})
    assert run is not None
    assert run.rows.total == 0
