"""What the contenders look after: Syncs alone, or whole pipelines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.running import Sandbox

from benchmarks.crowd import Ref
from benchmarks.stage import Stage
from benchmarks.work import Phase

__all__ = ["Load"]


def _nothing(_stage: Stage, _sandbox: Sandbox) -> None:
    """Syncs need no more than their Workspace."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What the contenders look after.

    Attributes:
        count: how many of what figures are divided by.
        refs: the resources.
        check: looks at cluster and server after a phase; raises `UnfinishedError` if not all is done.
        prepare: makes what must be there before the resources.
        manifest_of: makes the manifest of each; None for Syncs.
        floor: module of the floor.
        is_settled: looks at the cluster whether all is written that comes some time after all are Ready.
    """

    count: int
    refs: list[Ref]
    check: Callable[[Stage, Sandbox, Phase], None]
    prepare: Callable[[Stage, Sandbox], None] = _nothing
    manifest_of: Callable[[Ref], Mapping[str, Any]] | None = None
    floor: str = "benchmarks.floor"
    is_settled: Callable[[Stage], bool] = lambda _: True
