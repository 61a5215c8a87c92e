"""`kubectl sync` as a person runs it: a process of its own, with a kubeconfig of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.plane import Plane

__all__ = ["PLUGIN", "Plugin", "impersonating"]

PLUGIN: Final = Path(sys.executable).with_name("kubectl-sync")


@dataclass(frozen=True)
class Plugin:
    """The plugin on one cluster.

    Attributes:
        kubeconfig: value of ``KUBECONFIG``.
        namespace: given to each call by ``-n``; none if empty.
        environment: further variables.
    """

    kubeconfig: str | Path
    namespace: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> list[str]:
        return [str(PLUGIN), *words, *(["-n", self.namespace] if self.namespace else [])]

    @property
    def variables(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), **self.environment}

    def __call__(self, *words: str, code: int = 0) -> str:
        """What a call prints, on both streams; it has to end with this exit code."""
        done = self._run(words, code)
        return done.stdout + done.stderr

    def data(self, *words: str, code: int = 0) -> Any:
        """What a call prints as JSON."""
        return json.loads(self._run((*words, "-o", "json"), code).stdout)

    def _run(self, words: Sequence[str], code: int) -> subprocess.CompletedProcess[str]:
        command = self.command(*words)
        done = subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done


def impersonating(plane: Plane, folder: Path, user: str, *groups: str) -> Path:
    """A kubeconfig by which the administrator acts as somebody else."""
    content = yaml.safe_load(plane.kubeconfig.read_text())
    content["users"][0]["user"] |= {"as": user, "as-groups": list(groups)}
    path = folder / f"kubeconfig-{user}"
    path.write_text(yaml.safe_dump(content))
    return path
