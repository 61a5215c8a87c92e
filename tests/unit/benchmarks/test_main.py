"""Exit codes: a contender that did not do its work makes the benchmark fail, and leaves no figures."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from benchmarks import __main__ as bench
from benchmarks.contenders import Contender
from benchmarks.crowd import UnfinishedError
from benchmarks.figures import Figure
from benchmarks.load import Load


@contextmanager
def nowhere() -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(version="v1")


@pytest.mark.parametrize(("fails", "code", "kept"), [(None, 0, True), (Contender.FLOOR, 1, False)])
def test_it_fails_with_whoever_did_not_do_its_work(
    fails: Contender | None,
    code: int,
    kept: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def measure(_: object, contender: Contender, load: Load, _phases: object) -> list[Figure]:
        if contender is fails:
            raise ExceptionGroup("tasks", [UnfinishedError("3 of 4 are Ready")])
        slow = 9.0 if contender is Contender.OPERATOR else 1.0
        return [Figure(contender, load.count, "create", slow, 1.0, 1.0, 1.0, {}, {}, 1.0, {})]

    monkeypatch.setattr(bench, "staged", nowhere)
    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--syncs", "4", "--out", str(tmp_path / "out")])

    assert bench.main() == code

    assert (tmp_path / "out" / "figures.json").exists() is kept
    told = capsys.readouterr()
    assert ("not reached" in told.out) is kept, "a bar that is missed is told, and fails nothing"
    assert ("floor, 4 Syncs: 3 of 4 are Ready" in told.err) is not kept
