"""The comparisons of Workspaces with their servers: one at a time for each, beside the workers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sync_operator.decide.comparison import Comparison
from sync_operator.handlers.cache import Ref

__all__ = ["Comparisons"]

_log = logging.getLogger(__name__)


class Comparisons:
    """How far each Workspace's comparison is, and how the last one ended.

    Args:
        clock: the time now, aware, UTC.
        period: time between two comparisons of a Workspace.
        sleep: waits some seconds between two reads.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        period: timedelta,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._period = period
        self._held: dict[Ref, Comparison] = {}
        self._tasks: dict[Ref, asyncio.Task[None]] = {}
        self.sleep = sleep

    def get(self, workspace: Ref) -> Comparison | None:
        """How it goes; None where there is nothing to compare."""
        return self._held.get(workspace)

    def __iter__(self) -> Iterator[tuple[Ref, datetime]]:
        """Workspaces with the time of the last whole comparison, or since when there should have been one."""
        for workspace, held in self._held.items():
            yield workspace, held.whole_at or held.due_from

    def begin(self, workspace: Ref, compare: Callable[[], Awaitable[None]]) -> None:
        """Begin a comparison, unless one is under way."""
        self._of(workspace)
        if workspace not in self._tasks:
            name = f"comparison of {workspace.namespace}/{workspace.name}"
            self._tasks[workspace] = asyncio.create_task(self._run(workspace, compare), name=name)

    def ended(self, workspace: Ref, at: datetime, words: str) -> None:
        """A comparison that began at that time got to its end."""
        if workspace in self._held:
            self._held[workspace] = replace(self._held[workspace], whole_at=at, words=words, trouble="")

    def failed(self, workspace: Ref, trouble: str) -> None:
        """There was no comparison, or it did not get to its end."""
        self._held[workspace] = replace(self._of(workspace), trouble=trouble)

    def forget(self, workspace: Ref) -> None:
        """There is nothing to compare any more."""
        self._held.pop(workspace, None)
        task = self._tasks.pop(workspace, None)
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        """End all that are under way: they only read."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _of(self, workspace: Ref) -> Comparison:
        return self._held.setdefault(workspace, Comparison(self._period, self._clock()))

    async def _run(self, workspace: Ref, compare: Callable[[], Awaitable[None]]) -> None:
        try:
            await compare()
        except Exception:  # noqa: BLE001 (the outermost frame: a defect must not end all later comparisons)
            _log.exception("the comparison of Workspace %s/%s failed unexpectedly", *workspace)
            self.failed(workspace, "the operator failed unexpectedly; see its log")
        finally:
            if self._tasks.get(workspace) is asyncio.current_task():
                del self._tasks[workspace]
