import logging

import pytest

from sync_operator.controller.unexpected_errors import MAX_REMEMBERED, UnexpectedErrors

KEY = ("Sync", "team", "a")


def fail(kind: type[Exception], words: str) -> None:
    raise kind(words)


def raised(kind: type[Exception], words: str) -> Exception:
    try:
        fail(kind, words)
    except kind as error:
        return error
    raise AssertionError


def test_a_defect_is_logged_whole_once_and_then_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    defects = UnexpectedErrors()
    for number in range(3):
        defects.log(KEY, raised(ValueError, f"bad {number}"))
    whole, *again = caplog.records
    assert whole.exc_info is not None
    assert [record.exc_info for record in again] == [None, None]
    assert "Sync team/a failed again: ValueError at fail" in again[0].getMessage()
    assert all(record.levelno == logging.ERROR for record in caplog.records)


def test_another_defect_and_another_object_are_new(caplog: pytest.LogCaptureFixture) -> None:
    defects = UnexpectedErrors()
    defects.log(KEY, raised(ValueError, "x"))
    defects.log(KEY, raised(KeyError, "x"))
    defects.log(("Sync", "team", "b"), raised(KeyError, "x"))
    defects.forget(KEY)
    defects.log(KEY, raised(KeyError, "x"))
    assert all(record.exc_info for record in caplog.records)


def test_what_is_remembered_is_bounded() -> None:
    defects = UnexpectedErrors()
    for number in range(MAX_REMEMBERED + 10):
        defects._logged[number] = "x"
    defects.log(KEY, ValueError("x"))
    assert len(defects._logged) <= MAX_REMEMBERED + 10
