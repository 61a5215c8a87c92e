"""Development tools in Go (`tools/`): built once on a machine, and cached."""

import subprocess
from pathlib import Path

from tests.support.plane import ROOT

__all__ = ["build_tool"]


def build_tool(name: str) -> Path:
    """The binary of a tool; takes minutes where it was never built on this machine."""
    done = subprocess.run([ROOT / "tools" / "build", name], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1])
