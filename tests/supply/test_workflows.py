"""The workflow files of a public forge: none of them ever ran here, so at least the linters find nothing in them."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.support.plane import ROOT

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION: Final = re.compile(r"\s*-? ?uses: (?P<action>\S+)(?P<comment> #.*)?")


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_they_are_what_the_forge_reads_and_their_scripts_are_clean(actionlint: Path) -> None:
    linted = run(actionlint, "-shellcheck", tool("shellcheck"), *WORKFLOWS)

    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert [path.name for path in WORKFLOWS] == ["release.yml", "test.yml"]


def test_they_leave_nothing_open_to_strangers() -> None:
    audited = run(tool("zizmor"), "--offline", "--persona=pedantic", ROOT / ".github")

    assert audited.returncode == 0, audited.stdout + audited.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_and_say_their_version(path: Path) -> None:
    found = [match for line in path.read_text().splitlines() if (match := ACTION.fullmatch(line))]

    assert found
    for each in found:
        if not each["action"].startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each["action"])
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", each["comment"] or "")


def test_a_linter_that_finds_something_says_so(actionlint: Path, tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    bad = folder / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: actions/checkout@v6\n"
        '      - run: echo $HOME "${{ github.head_ref }}"\n'
    )

    linted = run(actionlint, "-shellcheck", tool("shellcheck"), bad)
    audited = run(tool("zizmor"), "--offline", "--persona=pedantic", folder)

    assert "shellcheck reported" in linted.stdout
    assert "potentially untrusted" in linted.stdout
    assert {"unpinned-uses", "template-injection", "artipacked"} <= set(re.findall(r"\[([a-z-]+)\]", audited.stdout))
