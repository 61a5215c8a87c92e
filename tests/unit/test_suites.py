"""Each test file belongs to `make test` or to `make test-all`, and to one of them only."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from tests.support.permissions import RARE, UNUSED, idle_rights, note_rights
from tests.support.suites import LONG, WEIGHT, is_long

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES: Final = {
    str(path.relative_to(ROOT))
    for folder in CONFIG["tool"]["pytest"]["ini_options"]["testpaths"]
    for path in (ROOT / folder).rglob("test_*.py")
}


def test_the_table_names_files_that_exist() -> None:
    assert set(WEIGHT) <= FILES
    assert set(LONG) <= set(WEIGHT)


def test_the_two_jobs_are_each_others_rest_and_the_fast_one_comes_first() -> None:
    chosen = re.findall(r"^\t\$\(MEASURED\) -m (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    steps = re.findall(r'^step "(make test.*?)"', (ROOT / ".ci" / "run").read_text(), re.MULTILINE)

    assert chosen == ['"not long"', "long"]
    assert steps == ["make test", "make test-all"]


def test_a_file_is_long_as_a_whole(request: pytest.FixtureRequest) -> None:
    assert is_long(f"{next(iter(LONG))}::test_x[a::b]")
    assert not is_long(request.node.nodeid)
    assert request.node.get_closest_marker("long") is None
    assert not [file for file in FILES if re.search(r"mark\.long\b(?!\\)", (ROOT / file).read_text()) and file != HERE]


HERE: Final = str(Path(__file__).relative_to(ROOT))


def test_what_tests_start_can_be_interrupted() -> None:
    child = "import signal; print(signal.getsignal(signal.SIGINT))"

    shown = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout

    assert "default_int_handler" in shown


def test_a_run_in_the_background_of_a_script_can_test_ctrl_c() -> None:
    """`nohup make test &`: there the shell ignores SIGINT for all that it starts."""
    test = f"{HERE}::{test_what_tests_start_can_be_interrupted.__name__}"
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1", test]

    done = subprocess.run(
        ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *run], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-2000:]


def test_a_right_that_no_session_used_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write, never = ("", "secrets", "get"), ("", "secrets", "create"), ("apps", "deployments", "delete")
    monkeypatch.delenv("RIGHTS_NOTES", raising=False)
    note_rights({never}, set())
    monkeypatch.setenv("RIGHTS_NOTES", str(tmp_path / "rights"))
    granted = {read, write, never, *RARE, *UNUSED}

    note_rights(granted, {read})
    note_rights(granted, {write})

    assert idle_rights(tmp_path / "rights") == {never}
    with pytest.raises(FileNotFoundError):
        idle_rights(tmp_path / "nowhere")
