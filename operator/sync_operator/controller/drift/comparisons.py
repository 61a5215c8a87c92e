"""The running drift checks: at most one task per Workspace, outside the work queue's workers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sync_operator.controller.informer.store import NamespacedName
from sync_operator.domain.status.compared_condition import Comparison

__all__ = ["Comparisons"]

_log = logging.getLogger(__name__)


class Comparisons:
    """The running task and the last result of each Workspace's comparison with its server.

    Args:
        clock: returns the current time (aware, UTC).
        period: time between two comparisons of a Workspace.
        sleep: waits a number of seconds between two single reads.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        period: timedelta,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._period = period
        self._comparisons: dict[NamespacedName, Comparison] = {}
        self._tasks: dict[NamespacedName, asyncio.Task[None]] = {}
        self.sleep = sleep

    def get(self, workspace: NamespacedName) -> Comparison | None:
        """State of a Workspace's comparison; None if there is nothing to compare."""
        return self._comparisons.get(workspace)

    def __iter__(self) -> Iterator[tuple[NamespacedName, datetime]]:
        """Each Workspace with the time of its last complete comparison, or since when the first one is due."""
        for workspace, held in self._comparisons.items():
            yield workspace, held.completed_at or held.due_from

    def begin(self, workspace: NamespacedName, compare: Callable[[], Awaitable[None]]) -> None:
        """Start a comparison in a task, unless one is running."""
        self._get_or_create(workspace)
        if workspace not in self._tasks:
            name = f"comparison of {workspace.namespace}/{workspace.name}"
            self._tasks[workspace] = asyncio.create_task(self._run(workspace, compare), name=name)

    def completed(self, workspace: NamespacedName, at: datetime, message: str) -> None:
        """Record a completed comparison, which began at ``at``; ``message`` says how it was done."""
        if workspace in self._comparisons:
            self._comparisons[workspace] = replace(
                self._comparisons[workspace], completed_at=at, message=message, failure=""
            )

    def failed(self, workspace: NamespacedName, error: str) -> None:
        """Record a comparison that could not start or did not complete."""
        self._comparisons[workspace] = replace(self._get_or_create(workspace), failure=error)

    def forget(self, workspace: NamespacedName) -> None:
        """Cancel a Workspace's comparison and drop its state: there is nothing to compare any more."""
        self._comparisons.pop(workspace, None)
        task = self._tasks.pop(workspace, None)
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        """Cancel all running comparisons; that is safe because they only read."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _get_or_create(self, workspace: NamespacedName) -> Comparison:
        return self._comparisons.setdefault(workspace, Comparison(self._period, self._clock()))

    async def _run(self, workspace: NamespacedName, compare: Callable[[], Awaitable[None]]) -> None:
        try:
            await compare()
        except Exception:  # noqa: BLE001 (the outermost frame: an unexpected error must not end later comparisons)
            _log.exception("the comparison of Workspace %s/%s failed unexpectedly", *workspace)
            self.failed(workspace, "the operator failed unexpectedly; see its log")
        finally:
            if self._tasks.get(workspace) is asyncio.current_task():
                del self._tasks[workspace]
