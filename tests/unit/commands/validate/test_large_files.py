"""The memory that `validate` takes for many Syncs in one file: 60,000 of them are to need less than 300 MB."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest
from tests.support.large_files import FORMS, many_syncs, one_sync

_MANY: Final = 3_000
_MAX_BYTES_EACH: Final = 4_300
"""Of memory, for each Sync, its text included: with what Python itself needs, 60,000 then take less than 300 MB."""
_MAX_BYTES_OF_PROCESS: Final = 10_000_000
"""Of memory that a second process does not have in common with the first."""


def _peak(path: Path) -> int:
    """Validate a file, and return the most memory that its processes held together, in bytes.

    A page that several processes share counts once.
    """
    command = [sys.executable, "-m", "sync_operator", "validate", "-o", "github", str(path)]
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, sum(map(_memory, (process.pid, *_children(process.pid)))))
            time.sleep(0.005)
    return most


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _memory(pid: int) -> int:
    """The memory of a process: its own pages, and its share of those that it has in common with others."""
    try:
        found = re.search(r"^Pss:\s*(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:  # it has ended
        return 0
    return int(found[1]) * 1024 if found else 0


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The memory for a single Sync."""
    file = tmp_path_factory.mktemp("least") / "one.yaml"
    file.write_text(json.dumps(one_sync(1)))
    return _peak(file)


@pytest.mark.parametrize("form", ["documents", "list of mixed styles", "JSON list"])
def test_the_memory_for_each_sync_is_bounded(form: str, least: int, tmp_path: Path) -> None:
    file = tmp_path / "many.yaml"
    file.write_text(FORMS[form](many_syncs(_MANY)))

    assert _peak(file) - least < _MANY * _MAX_BYTES_EACH + _MAX_BYTES_OF_PROCESS
