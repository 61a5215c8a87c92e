"""What a process uses."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Usage", "usage"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_MEMORY: Final = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU in seconds and memory in MiB of a process."""

    cpu: float
    peak: float
    resident: float


def usage(pid: int) -> Usage:
    """What a process has used so far, from /proc; of one that has ended, no memory."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    memory = dict(_MEMORY.findall(Path(f"/proc/{pid}/status").read_text()))
    return Usage(
        cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
        peak=int(memory.get("VmHWM", 0)) / 1024,
        resident=int(memory.get("VmRSS", 0)) / 1024,
    )
