"""`validate` in two processes: the same output as in one, whatever happens to the other process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from tests.support.large_files import FORMS, many_syncs

_PROGRAM: Final = """\
import os, signal, sys, threading
from concurrent.futures import Future
from multiprocessing import parent_process
from sync_operator.commands.validate import batches, worker_pool
os.process_cpu_count = lambda: int(sys.argv[1])
worker_pool._MIN_CHARACTERS = int(sys.argv[2])
batches._MAX_CHARACTERS = 10_000
real_fork, real_judge, judged = os.fork, batches.Judge.judge, []

def fork():
    sys.stderr.write("fork\\n")
    return real_fork()

def judge(*args):
    judged.append(args)
    if parent_process() and len(judged) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real_judge(*args)

os.fork, batches.Judge.judge = fork, judge
real_exit, signal_in, calls = threading.Condition.__exit__, sys.argv[4], []

def noted(name, method):
    def call(*args):
        calls.append(name)
        try:
            return method(*args)
        finally:
            calls.pop()
    return call

def leave(*args):
    global signal_in
    if calls[-1:] == [signal_in] and threading.current_thread() is threading.main_thread():
        signal_in = ""
        os.kill(os.getpid(), signal.SIGTERM)
        sys.stderr.write("signal\\n")
    return real_exit(*args)

if signal_in:
    threading.Condition.__exit__ = leave
    Future.done, Future.result = noted("done", Future.done), noted("result", Future.result)
from sync_operator.cli import main
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
sys.exit(main(["validate", "--from", "2027-01-01T00:00:00Z", *sys.argv[5:]]))
"""
_NEVER: Final = 10**9
_SYNCS: Final = 300
_ALIASES: Final = "- &a {apiVersion: v1, kind: Secret}\n- *a\n"


def command(file: Path, *, cpus: int, least: int = 10_000, dies_at: int = _NEVER, signal_in: str = "") -> list[str]:
    """The command line of a `validate` that believes to have so many CPUs.

    Args:
        file: the input.
        cpus: number of CPUs.
        least: characters for which it starts another process.
        dies_at: number of the batch at which the other process is killed.
        signal_in: method of a `Future` at the end of which the first process gets SIGTERM, before a lock is released.
    """
    return [sys.executable, "-c", _PROGRAM, str(cpus), str(least), str(dies_at), signal_in, str(file)]


def validated(file: Path, *, cpus: int, least: int = 10_000, dies_at: int = _NEVER) -> tuple[int, str, str]:
    """Exit code, output, and a line of errors for each process that was started."""
    done = subprocess.run(
        command(file, cpus=cpus, least=least, dies_at=dies_at), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def inputs() -> Iterator[tuple[str, str]]:
    """Names and texts of all forms of input, and with errors of all kinds. They have Syncs of the same names."""
    syncs = many_syncs(_SYNCS)
    for form, write in FORMS.items():
        yield form, write(syncs)
    yield "JSON documents", "\n".join(FORMS["JSON list"]([sync]) for sync in syncs)
    yield "list with an alias", f"{FORMS['list'](syncs)}{_ALIASES}{FORMS['items'](syncs)}"
    yield "list with an error", f"{FORMS['list'](syncs)}- a: [\n{FORMS['items'](syncs)}"
    yield "documents with errors", FORMS["documents"](syncs).replace("---\n", "---\na: [\n---\n", 9)


def test_two_processes_say_what_one_says(tmp_path: Path) -> None:
    for name, text in inputs():
        (tmp_path / f"{name}.yaml").write_text(text)

    code, output, started = validated(tmp_path, cpus=1)

    assert (code, started) == (1, "")
    assert validated(tmp_path, cpus=2) == (code, output, "fork\n")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "many.yaml"
    path.write_text(FORMS["documents"](many_syncs(2 * _SYNCS)))
    return path


@pytest.fixture(scope="module")
def expected(documents: Path) -> str:
    return validated(documents, cpus=1)[1]


@pytest.mark.parametrize("dies_at", [1, 3])
def test_the_batches_of_a_process_that_dies_are_checked_by_the_first(
    documents: Path, expected: str, dies_at: int
) -> None:
    assert validated(documents, cpus=2, dies_at=dies_at) == (1, expected, "fork\n")


def test_a_small_input_starts_no_process(documents: Path) -> None:
    assert validated(documents, cpus=2, least=10**7)[2] == ""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A `validate` in two processes, a group of their own."""
    path = tmp_path / "many.yaml"
    path.write_text(FORMS["documents"](many_syncs(10 * _SYNCS)))
    process = subprocess.Popen(
        command(path, cpus=2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(lambda: children.read_text() != "")
    yield process
    if is_alive(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_ctrl_c_ends_both_without_a_traceback(running: subprocess.Popen[str]) -> None:
    os.killpg(running.pid, signal.SIGINT)

    _, errors = running.communicate()

    assert (running.returncode, errors) == (130, "fork\n")
    wait_until(lambda: not is_alive(running.pid))


def test_sigterm_to_the_first_ends_both(running: subprocess.Popen[str]) -> None:
    running.terminate()

    _, errors = running.communicate()

    assert (running.returncode, errors) == (143, "fork\n")
    wait_until(lambda: not is_alive(running.pid))


@pytest.mark.parametrize("method", ["done", "result"])
def test_sigterm_while_a_lock_of_the_pool_is_released_ends_both(documents: Path, method: str) -> None:
    done = subprocess.run(
        command(documents, cpus=2, signal_in=method), capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stderr) == (143, "fork\nsignal\n")


def test_the_other_process_does_not_outlive_a_first_that_is_killed(running: subprocess.Popen[str]) -> None:
    running.kill()
    running.wait()

    wait_until(lambda: not is_alive(running.pid))


def is_alive(group: int) -> bool:
    """True if a process of a group lives; one that has ended and was not waited for does not count."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            state, _, its_group, *_ = path.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state != "Z":
                return True
    return False


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, at most 20 s."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
