import io
import sys

import pytest

from sync_operator.commands.terminal import (
    Progress,
    Style,
    first_columns,
    fitted_table,
    last_columns,
    print_error,
    style_of,
    text_width,
)
from sync_operator.settings import ToolSettings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_only_and_can_be_turned_off() -> None:
    assert style_of(Terminal(), colour=True).red("x") == "\x1b[1;31mx\x1b[0m"
    assert style_of(Terminal(), colour=False).red("x") == "x"
    assert style_of(io.StringIO(), colour=True) == Style()
    assert ToolSettings.from_environment({}).colour
    assert not ToolSettings.from_environment({"NO_COLOR": "1"}).colour


def test_a_table_fits_the_terminal_by_cutting_its_widest_columns() -> None:
    rows = [("orders", "x" * 60, "create"), ("客户", "short", "nothing")]

    lines = fitted_table(("SYNC", "FIELD", "CHANGE"), rows, Style(width=40))

    assert [text_width(line) <= 40 for line in lines] == [True] * 3
    assert "…" in lines[1]
    assert lines[2].startswith("客户     short")


FAMILY = "👩\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("plain", 5),
        ("客户", 4),
        ("e\u0301te\u0301", 3),
        (FAMILY, 2),
        ("❤\ufe0f", 2),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("a\u200bb", 2),
    ],
)
def test_columns_are_those_that_a_terminal_takes(text: str, columns: int) -> None:
    assert text_width(text) == columns
    assert first_columns(text, columns) == last_columns(text, columns) == text
    assert text_width(first_columns(text * 3, columns + 1)) <= columns + 1


def test_what_is_drawn_as_one_is_never_cut_in_two() -> None:
    assert first_columns(f"a{FAMILY}b", 2) == "a"
    assert last_columns(f"a{FAMILY}b", 3) == f"{FAMILY}b"
    assert last_columns("abc", 0) == first_columns("abc", 0) == ""


def test_what_a_command_complains_of_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stderr", stream := Terminal())

    print_error("plan", "set SYNC_API_URL, SYNC_API_TOKEN and SYNC_API_WORKSPACE_ID")

    assert stream.getvalue().splitlines() == [
        "sync-operator plan: set SYNC_API_URL,",
        "  SYNC_API_TOKEN and",
        "  SYNC_API_WORKSPACE_ID",
    ]


def test_a_table_is_not_cut_without_a_terminal() -> None:
    assert fitted_table(("A", "B"), [("x" * 300, "y")], Style())[1] == f"{'x' * 300}   y"


@pytest.mark.parametrize(("stream", "shown"), [(io.StringIO(), ""), (Terminal(), "\r\x1b[Kpage 1\r\x1b[K")])
def test_progress_is_told_to_terminals_only(stream: io.StringIO, shown: str) -> None:
    progress = Progress(stream)

    progress.update("page 1")
    progress.done()

    assert stream.getvalue() == shown


def test_progress_never_runs_over_into_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()

    Progress(stream).update("x" * 50)

    assert stream.getvalue() == f"\r\x1b[K{'x' * 18}…"
