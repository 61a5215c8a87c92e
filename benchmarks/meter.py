"""What processes use."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Usage", "around", "usage"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_OTHERS: Final = ("kube-apiserver", "etcd", "kube-controller-manager", "sandbox")
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


def around(folder: Path) -> dict[str, float]:
    """CPU in seconds that those have used who work for a contender, by name: they are run with files of this folder."""
    used = dict.fromkeys(_OTHERS, 0.0) | {"benchmark": time.process_time()}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = process.joinpath("cmdline").read_bytes().decode(errors="replace")
            if str(folder) in command:
                for name in used.keys() & set(command.split("\0")[:3]):
                    used[name] += usage(int(process.name)).cpu
        except OSError:
            continue  # it has ended
    return used
