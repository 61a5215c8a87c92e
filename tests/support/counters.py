"""What was asked of the API server and of the sync server, by their own counts."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from tests.support.plane import Plane
from tests.support.running import Sandbox

__all__ = ["api_requests", "server_requests", "writes"]

_REQUESTS: Final = "apiserver_request_total"
_IGNORED: Final = frozenset({"leases", "apiservices", "nodes", "flowschemas", "prioritylevelconfigurations"})
"""What the control plane asks of itself."""
_WRITES: Final = ("POST", "PUT", "PATCH", "APPLY", "DELETE")


def api_requests(plane: Plane) -> Counter[str]:
    """Requests that the API server has counted so far, whoever made them: ``VERB resource/subresource``."""
    page = plane.kubectl("get", "--raw", "/metrics").stdout
    lines = "\n".join(line for line in page.splitlines() if line.startswith(_REQUESTS))
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(f"# TYPE {_REQUESTS} counter\n{lines}\n"):
        for sample in family.samples:
            resource, below = sample.labels["resource"], sample.labels["subresource"]
            if resource and resource not in _IGNORED:
                found[f"{sample.labels['verb']} {resource}{'/' if below else ''}{below}"] += int(sample.value)
    return found


def writes(requests: Mapping[str, int]) -> Counter[str]:
    """Those of them that write."""
    return Counter({name: count for name, count in requests.items() if name.startswith(_WRITES)})


def server_requests(sandbox: Sandbox) -> Counter[str]:
    """Requests that the sandbox has logged since it was last told to forget them: ``METHOD path``, numbers as N."""
    return Counter(f"{entry['method']} {re.sub(r'[0-9]+', 'N', entry['path'])}" for entry in sandbox.requests())
