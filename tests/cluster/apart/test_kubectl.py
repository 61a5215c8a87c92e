"""`validate` and `kubectl` read the same files, and what they disagree about is listed with its reason."""

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from tests.support.cut_files import FILES
from tests.support.judging import NOW
from tests.support.plane import Plane

from sync_operator.commands.input_files import read_with_errors
from sync_operator.commands.validate.manifest_set_rules import judge_sources

_NOTHING = "no objects passed to apply"


def _kubectl(plane: Plane, path: Path) -> tuple[bool, str, str]:
    done = plane.kubectl("apply", "--dry-run=server", "-f", str(path))
    return done.returncode == 0 or _NOTHING in done.stderr, done.stdout, done.stderr


def _taken(plane: Plane, folder: Path) -> tuple[dict[str, bool], set[str]]:
    """Whether `kubectl` takes each file, and the names of all Syncs that it takes, in refused files too."""
    _, applied, refused = _kubectl(plane, folder)
    takes = {file.name: re.search(rf'/{file.name}\.yaml|"{file.name}-', refused) is None for file in FILES}
    # Some refusals name neither file nor object, and a file may hold none.
    silent = [name for name, is_taken in takes.items() if is_taken and f"/{name}-" not in applied]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda name: _kubectl(plane, folder / f"{name}.yaml")[0], silent)
        takes |= dict(zip(silent, answers, strict=True))
    return takes, set(re.findall(r"^sync\.squared\.ai/(\S+) created", applied, re.MULTILINE))


def test_kubectl_and_validate_take_the_same_files(plane: Plane, tmp_path: Path) -> None:
    for file in FILES:
        (tmp_path / f"{file.name}.yaml").write_bytes(file.content)
    takes, names = _taken(plane, tmp_path)

    apart = {}
    for file in FILES:
        judged = judge_sources(read_with_errors([str(tmp_path / f"{file.name}.yaml")], BytesIO()), "default", NOW)
        ours = {checked.manifest.name for checked in judged.syncs if checked.valid}
        theirs = {name for name in names if name.startswith(f"{file.name}-")}
        # Of a bad file, `validate` looks at what comes after the first error too.
        if judged.valid is not takes[file.name] or (judged.valid and ours != theirs):
            apart[file.case] = (takes[file.name], theirs, [problem.message_with_field for problem in judged.problems])

    assert {case: told for case, told in apart.items() if case not in _LISTED} == {}
    assert set(apart) == _LISTED


_LISTED = {file.case for file in FILES if file.apart}


def test_the_files_are_many() -> None:
    assert len(FILES) >= 300
