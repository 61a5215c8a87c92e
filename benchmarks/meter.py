"""What a contender costs: time, CPU and memory of its process, and the requests that it makes."""

import os
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Cost", "Usage", "usage"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_MEMORY: Final = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU in seconds and memory in MiB of a process."""

    cpu: float
    peak: float
    resident: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What one phase cost.

    Attributes:
        seconds: from the start of the process until the phase was done.
        usage: of the process once it was idle again, or had ended.
        cluster: requests to the API server, by verb and resource.
        server: requests to the sync server, by method and path without ids.
    """

    seconds: float
    usage: Usage
    cluster: Counter[str]
    server: Counter[str]

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "seconds": round(self.seconds, 2),
            "usage": asdict(self.usage),
            "cluster": dict(+self.cluster),
            "server": dict(self.server),
        }


def usage(pid: int) -> Usage:
    """What a process has used so far, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    memory = dict(_MEMORY.findall(Path(f"/proc/{pid}/status").read_text()))
    return Usage(
        cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
        peak=int(memory["VmHWM"]) / 1024,
        resident=int(memory["VmRSS"]) / 1024,
    )
