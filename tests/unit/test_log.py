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
