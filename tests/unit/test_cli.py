import argparse
import os
import re
import runpy
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from sync_operator import __version__
from sync_operator.cli import COMMANDS, main
from sync_operator.commands.validate import validate_command
from sync_operator.settings import RunnerSettings, ToolSettings


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("controller", "runner", "sandbox", "validate", "plan", "export"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"sync-operator {__version__}\n"


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["fly"], "usage: sync-operator [-h]"),
        (["runner", "--wings"], "usage: sync-operator runner"),
        (["validate", "x.yaml", "--wings"], "usage: sync-operator validate"),
        (["sandbox", "--port", "80800"], "'80800': a port is a number from 0 to 65535"),
        (["sandbox", "--port", "abc"], "'abc': a port is a number from 0 to 65535"),
        (["sandbox", "--rows", "-1"], "'-1': it has to be a whole number, not less than 0"),
        (["sandbox", "--run-seconds", "soon"], "argument --run-seconds"),
    ],
)
def test_wrong_usage_exits_with_2(words: list[str], usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert usage in capsys.readouterr().err


def test_no_word_at_all_is_answered_with_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "check manifests offline" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read (No such file or directory)"), (b"\xff", "no UTF-8"), (b"\n", "is empty")],
)
def test_a_sandbox_says_what_is_wrong_with_its_token_file(
    content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    assert main(["sandbox", "--port", "0", "--token-file", str(file)]) == 2
    assert words in capsys.readouterr().err


def test_a_sandbox_says_that_its_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["sandbox", "--port", str(port)]) == 2

    words = f"cannot listen on 127.0.0.1:{port} (Address already in use); choose another --port or --host"
    assert capsys.readouterr().err == f"sync-operator sandbox: {words}\n"


@pytest.mark.parametrize("command", ["controller", "runner", "sandbox", "validate", "plan", "export"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: sync-operator {command}")


@pytest.mark.parametrize("command", ["export", "plan"])
def test_help_is_printed_in_any_locale(command: str) -> None:
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(
        [sys.executable, "-m", "sync_operator", command, "--help"],
        capture_output=True,
        check=False,
        env=os.environ | locale,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"usage: sync-operator")


class Environment(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, **values: str) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["runner", "plan", "export"])
def test_the_help_names_every_variable_that_is_read(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    environment = Environment(SYNC_ID="1", SYNC_API_URL="https://a", SYNC_API_TOKEN_FILE="f")
    if command == "runner":
        RunnerSettings.from_environment(environment)
    else:
        ToolSettings.from_environment(environment)
    told = help_of(command, capsys)

    by_the_kubelet = {"KUBERNETES_SERVICE_HOST"}
    read = {name for name in environment.asked - by_the_kubelet if name.isupper()}
    assert "SYNC_API_URL" in read
    assert {name for name in read if not re.search(rf"\b{name}\b", told)} == set()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("runner", "It is not meant for people"),
        ("runner", "set the annotation squared.ai/run-requested-at"),
        ("controller", "SYNC_OPERATOR_RUNNER_IMAGE\n                         image of the run pods: required"),
        ("controller", "KUBECONFIG"),
        ("validate", "It needs neither a cluster nor a sync server"),
        ("plan", "It needs no cluster"),
        ("export", "It needs no cluster"),
        ("sandbox", "It needs neither a cluster nor a file"),
    ],
)
def test_the_help_says_what_a_command_is_and_needs(
    command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in help_of(command, capsys)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_option_has_help(command: str) -> None:
    parser = argparse.ArgumentParser()
    import_module(COMMANDS[command][0]).add_arguments(parser)

    assert [action.dest for action in parser._actions if not action.help] == []


def test_the_module_is_the_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["sync-operator", "--version"])
    with pytest.raises(SystemExit):
        runpy.run_module("sync_operator", run_name="__main__")
    assert __version__ in capsys.readouterr().out


def test_a_runner_imports_nothing_of_the_controllers() -> None:
    code = (
        "import sys; from sync_operator.cli import main\n"
        "try: main(['runner', '--help'])\n"
        "except SystemExit: pass\n"
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "httpx" in loaded
    assert not loaded & {"kopf", "aiohttp", "pydantic", "croniter", "kubernetes", "uvloop", "yaml"}
    assert not loaded & {"click", "pygments", "rich"}, "libraries of httpx's own command line"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        command = [sys.executable, "-m", "sync_operator", "validate", "-"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (141, b"")


def test_an_interrupted_command_leaves_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(validate_command, "main", interrupted)

    assert main(["validate", "-"]) == 130


def test_a_sigterm_during_the_imports_is_heeded() -> None:
    """The first process of a container is deaf to signals that it has no handler for: not so this one."""
    story = (
        "import os, signal, sys, time, sync_operator.cli as cli\n"
        "cli.import_module = lambda _: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(10))\n"
        "sys.argv[1:] = ['runner']\n"
        "cli.main()"
    )

    assert subprocess.run([sys.executable, "-c", story], check=False, timeout=30).returncode == 143
