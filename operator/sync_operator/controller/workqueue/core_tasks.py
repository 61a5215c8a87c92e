"""Supervision of the core tasks: if one of them ends by itself, the process stops and logs why."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from sync_operator.errors import KubernetesError

__all__ = ["CoreTasks"]

_log = logging.getLogger(__name__)


class CoreTasks:
    """Supervises the tasks that must run until the process stops.

    A controller that lost one of them looks healthy and does half of its work. So when one ends, for whatever reason,
    the process is stopped in the usual order, and the kubelet starts a new one.

    Args:
        stop_requested: set when the process is to stop; tasks that end after that are expected to.

    Attributes:
        failed: True once a task has ended by itself.
        error: what ended it, if it raised an error.
    """

    def __init__(self, stop_requested: asyncio.Event) -> None:
        self._stop_requested = stop_requested
        self.failed = False
        self.error: BaseException | None = None

    def start(self, running: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start and supervise a task that must not end before ``stop_requested`` is set."""
        return self.adopt(asyncio.create_task(running, name=name))

    def adopt(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Supervise a task that is running already."""
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._stop_requested.is_set():
            if error is not None:
                _log.error("the core task %r failed while it was stopped: %s", task.get_name(), _describe(error))
            return
        why = "it was cancelled" if task.cancelled() else _describe(error) if error else "it returned"
        self.failed, self.error = True, error
        words = "stopping: the core task %r ended (%s); the controller cannot work without it"
        _log.critical(words, task.get_name(), why, exc_info=None if isinstance(error, KubernetesError) else error)
        self._stop_requested.set()


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
