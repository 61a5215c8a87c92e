"""What a contender costs: time, CPU and memory of its process, requests to the API server and to the sync server."""

import os
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from tests.support.plane import Plane
from tests.support.running import Sandbox

__all__ = ["Cost", "Usage", "api_requests", "server_requests", "usage"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_REQUESTS: Final = "apiserver_request_total"
_MEMORY: Final = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB$", re.MULTILINE)
_IGNORED: Final = frozenset({"leases", "apiservices", "nodes", "flowschemas", "prioritylevelconfigurations"})
"""What the control plane asks of itself."""


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
        usage: of the process at that moment.
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


def api_requests(plane: Plane) -> Counter[str]:
    """Requests that the API server has counted so far, from its own metrics."""
    page = plane.kubectl("get", "--raw", "/metrics").stdout
    lines = "\n".join(line for line in page.splitlines() if line.startswith(_REQUESTS))
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(f"# TYPE {_REQUESTS} counter\n{lines}\n"):
        for sample in family.samples:
            resource, below = sample.labels["resource"], sample.labels["subresource"]
            if resource and resource not in _IGNORED:
                found[f"{sample.labels['verb']} {resource}{'/' if below else ''}{below}"] += int(sample.value)
    return found


def server_requests(sandbox: Sandbox) -> Counter[str]:
    """Requests that the sandbox has logged since it was last told to forget them."""
    return Counter(f"{entry['method']} {re.sub(r'[0-9]+', 'N', entry['path'])}" for entry in sandbox.requests())
