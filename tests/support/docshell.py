"""A shell in which the commands of a page run, as they are written there, against real things."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Final

from tests.support.docs import fences, steady
from tests.support.plane import ROOT
from tests.support.running import PROGRAM, Sandbox

__all__ = ["DocShell"]

_BASH: Final = shutil.which("bash") or "/bin/bash"
_SERVER: Final = "127.0.0.1:8088"
"""Where the pages have the sandbox."""


class DocShell:
    """A terminal in a copy of the project's documentation and examples.

    Args:
        folder: an empty one, for the copy.
        sandbox: the server that the pages speak of.
        environment: for the commands, beside this checkout's `sync-operator` on the path.
        namespace: the pages call it `default`.
    """

    def __init__(
        self, folder: Path, sandbox: Sandbox, environment: Mapping[str, str] | None = None, namespace: str = "default"
    ) -> None:
        self.folder = folder
        self._server = sandbox.url.removeprefix("http://")
        self._namespace = namespace
        self._exports: list[str] = []
        path = f"{folder / 'bin'}:{PROGRAM.parent}:{os.environ['PATH']}"
        self._environment = {**os.environ, **(environment or {}), "PATH": path}
        for name in ("docs", "examples"):
            shutil.copytree(ROOT / name, folder / name)
        for file in folder.rglob("*.yaml"):
            file.write_text(file.read_text().replace(_SERVER, self._server))

    def program(self, name: str, *command: str | Path) -> None:
        """Put a program on the path."""
        file = self.folder / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'#!/bin/sh\nexec {" ".join(map(str, command))} "$@"\n')
        file.chmod(0o755)

    def run(self, script: str, at: str = ".") -> str:
        """Run commands; what they print, errors too. An `export` holds for what comes after, as in a terminal."""
        before = "\n".join(self._exports)
        self._exports += [line for line in script.splitlines() if line.startswith("export ")]
        done = subprocess.run(
            [_BASH, "-c", f"exec 2>&1\n{before}\n{script.replace(_SERVER, self._server)}"],
            cwd=self.folder / at,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout
        for real, name in ((self._server, _SERVER), (self._namespace, "default")):
            printed = printed.replace(f"{real}  ", f"{name.ljust(len(real))}  ").replace(real, name)
        return "\n".join(line.rstrip() for line in printed.rstrip().splitlines())

    def walk(
        self,
        page: str,
        *,
        at: str = ".",
        prepare: Mapping[str, Callable[[], object]] | None = None,
        write: bool = False,
    ) -> str:
        """Run the commands of a page's console blocks in their order.

        Args:
            page: its path from the root.
            at: the folder that the page's reader is in.
            prepare: what to do before the command that begins with these words.
            write: put what was printed on the page, where it is another than shown.

        Returns:
            How what was printed differs from what the page shows, both made steady; nothing when it does not.
        """
        file = ROOT / page
        text = file.read_text("utf-8")
        printed: list[str] = []
        shown: list[str] = []
        pieces: list[str] = []
        end = 0
        for fence in fences(text):
            if fence.language != "console":
                continue
            lines = []
            for typed, before in fence.steps:
                now = self._step(typed, at, prepare or {})
                same = steady(now) == steady(before)
                printed += [f"$ {typed}", *steady(now).splitlines()]
                shown += [f"$ {typed}", *steady(before).splitlines()]
                lines += [f"$ {typed}", *(before if same else now).splitlines()]
            pieces += [text[end : fence.span[0]], *(f"{line}\n" for line in lines)]
            end = fence.span[1]
        if write:
            file.write_text("".join((*pieces, text[end:])), "utf-8")
        return "\n".join(unified_diff(shown, printed, "shown", "printed", lineterm=""))

    def _step(self, typed: str, at: str, prepare: Mapping[str, Callable[[], object]]) -> str:
        for words, prepared in prepare.items():
            if typed.startswith(words):
                prepared()
        return self.run(typed, at)
