"""By how much turns of the operator's event loop came late, as its own metrics tell it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Lag", "look_at_lag", "read_lag"]

_BUCKET: Final = "sync_operator_event_loop_lag_seconds_bucket"
_LONGEST: Final = "sync_operator_event_loop_longest_lag_seconds"
_PATIENCE: Final = 120.0
"""Seconds: with ten thousand Syncs the page is long."""
_MOST: Final = 0.99


@dataclass(frozen=True, slots=True)
class Lag:
    """Milliseconds, since the process began.

    Attributes:
        longest: the latest that a turn came.
        p99: what 99 % of the turns did not exceed: the bound of a bucket, or ``longest`` where that is less.
    """

    longest: float
    p99: float


def read_lag(page: str) -> Lag:
    """What a page of metrics says.

    Raises:
        ValueError: nothing is said of it.
    """
    samples = list(_samples(page))
    found = [value for name, _, value in samples if name == _LONGEST]
    buckets = [(float(bound), count) for name, bound, count in samples if name == _BUCKET]
    if not found or not buckets:
        raise ValueError("the page has no lag of the event loop")
    turns = max(count for _, count in buckets)
    bound = min(bound for bound, count in buckets if count >= _MOST * turns)
    return Lag(longest=round(1000 * found[0], 1), p99=round(1000 * min(bound, found[0]), 1))


async def look_at_lag(port: int) -> Lag:
    """Ask a controller that serves its metrics on this port of the loopback."""
    async with httpx.AsyncClient(trust_env=False, timeout=_PATIENCE) as http:
        page = await http.get(f"http://127.0.0.1:{port}/metrics")
        return read_lag(page.raise_for_status().text)


def _samples(page: str) -> Iterator[tuple[str, str, float]]:
    """Name, upper bound where it is a bucket's, and value."""
    lines = [line for line in page.splitlines() if line.startswith((_BUCKET, _LONGEST))]
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        for sample in family.samples:
            yield sample.name, sample.labels.get("le", ""), sample.value
