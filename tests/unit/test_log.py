import json
import logging
from collections.abc import Iterator

import pytest

from sync_operator.log import configure_logging
from sync_operator.settings import LogSettings


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("sync_operator")
    handlers, level, our_level = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(our_level)


def test_json_lines_carry_their_extras(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings("json", "INFO"))
    logging.getLogger("sync_operator.x").info("run %s", 7, extra={"rows": 3})
    logging.getLogger("sync_operator.x").debug("not asked for")
    logging.getLogger("library").info("libraries are quiet")
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["rows"], entry["logger"]) == ("run 7", "info", 3, "sync_operator.x")
    assert entry["time"].endswith("+00:00")


def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings("text", "DEBUG"))
    logging.getLogger("sync_operator").debug("here", extra={"rows": 3})
    assert capsys.readouterr().err[8:] == " DEBUG here\n"


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_looks_like_a_secret_is_masked_as_a_last_resort(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure_logging(LogSettings(form))
    logging.getLogger("library").error("Bearer planted", exc_info=ValueError("password=planted"))
    written = capsys.readouterr().err
    assert "ValueError: [redacted]" in written
    assert "planted" not in written


@pytest.mark.parametrize("form", ["json", "text"])
def test_exceptions_are_told_whole(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure_logging(LogSettings(form))
    logging.getLogger("sync_operator").error("failed", exc_info=RuntimeError("a defect"))
    assert "RuntimeError: a defect" in capsys.readouterr().err


FORGED = "a@b\n12:00:00 CRITICAL stopped: forged\r\x9b31m\u202e\u2028 \ud800"


def test_no_text_line_can_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings("text"))
    logging.getLogger("sync_operator").error("logged in as %s", FORGED, exc_info=ValueError(FORGED))
    first, *rest = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert "\\u000a12:00:00 CRITICAL stopped: forged\\u000d\\u009b31m\\u202e\\u2028 \\ud800" in first
    assert rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_no_json_line_holds_a_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings("json"))
    logging.getLogger("sync_operator").error("said %s \U000e0001", FORGED, extra={"who": FORGED})
    [line] = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert line.isprintable()
    assert json.loads(line)["message"] == f"said {FORGED} \U000e0001"
    assert json.loads(line)["who"] == FORGED


def test_extras_are_masked_and_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings("json"))
    extra = {"words": "password=planted", "long": "x" * 99_999, "rows": 3, "part": 0.5, "none": None, "yes": True}
    odd = {"nan": float("nan"), "inf": float("inf"), "huge": 10**400, "thing": {"token": "planted"}}
    logging.getLogger("sync_operator").error("here", extra=extra | odd)
    written = capsys.readouterr().err
    entry = json.loads(written)
    assert "planted" not in written
    assert len(entry["long"]) < 1100
    assert [entry[name] for name in ("rows", "part", "none", "yes", "nan", "inf")] == [3, 0.5, None, True, "nan", "inf"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_long_message_and_a_long_traceback_are_cut(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure_logging(LogSettings(form))
    logging.getLogger("sync_operator").error("m" * 2**20, exc_info=ValueError("v" * 2**20 + " the end"))
    written = capsys.readouterr().err
    assert len(written) < 30_000
    assert "the end" in written
