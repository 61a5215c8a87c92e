"""The tasks that the controller cannot work without: when one ends by itself, the process ends, and says why."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["CoreTasks"]

_log = logging.getLogger(__name__)


class CoreTasks:
    """Supervises tasks that run until they are told to stop.

    A controller that lost one of them looks healthy and does half of its work. So the end of any of them, by whatever
    cause, is an order to stop: everything else is stopped in the usual order, and the kubelet starts a new process.

    Args:
        told: is set when the process is to stop; ends of tasks after that are expected.

    Attributes:
        failed: True once one of them has ended by itself.
    """

    def __init__(self, told: asyncio.Event) -> None:
        self._told = told
        self.failed = False

    def start(self, running: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task that may not end before the process is told to stop."""
        return self.adopt(asyncio.create_task(running, name=name))

    def adopt(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Supervise a task that runs already."""
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._told.is_set():
            if error is not None:
                _log.error("the core task %r failed while it was stopped: %s", task.get_name(), _words(error))
            return
        why = "it was cancelled" if task.cancelled() else _words(error) if error else "it returned"
        self.failed = True
        words = "stopping: the core task %r ended (%s); the controller cannot work without it"
        _log.critical(words, task.get_name(), why, exc_info=error)
        self._told.set()


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
