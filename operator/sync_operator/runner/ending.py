"""How a runner ends: exit code, last words, and the termination message that the operator reads."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sync_operator.model.conditions import Reason
from sync_operator.remote.judge import judge
from sync_operator.remote.types import RemoteRun

__all__ = ["Ending", "ExitCode", "crash", "ending_of", "termination_message"]

_MESSAGE_LIMIT: Final = 2048
"""Bytes of the words; the whole message stays below the 4096 bytes that the kubelet keeps."""


class ExitCode(IntEnum):
    """Exit codes of the runner (design section 4)."""

    DELIVERED = 0
    FAILED = 1
    REFUSED = 2
    UNREACHABLE = 3
    CANCELED = 4
    CRASHED = 70
    """A defect of the runner itself (``EX_SOFTWARE`` of sysexits.h); it says nothing about the run."""
    HANDED_OVER = 143
    """SIGTERM: the run goes on, and another pod follows it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended: code, words, and the run if one was found."""

    code: ExitCode
    message: str
    run: RemoteRun | None = None


def ending_of(run: RemoteRun, max_failed_rows_percent: float, *, before: Iterable[RemoteRun] = ()) -> Ending:
    """The ending that a finished run stands for: judged by its rows, and by the runs before it."""
    verdict = judge(run, max_failed_rows_percent, before=before)
    if verdict.delivered:
        return Ending(ExitCode.DELIVERED, verdict.message, run)
    code = ExitCode.CANCELED if verdict.reason is Reason.RUN_CANCELED else ExitCode.FAILED
    return Ending(code, verdict.message, run)


def crash(error: Exception, run: RemoteRun | None = None) -> Ending:
    """The ending by a defect, with the run that was followed; what the error says is for the log, which is masked."""
    words = f"the runner failed unexpectedly ({type(error).__name__}): report it with the log of this pod"
    return Ending(ExitCode.CRASHED, f"{words}; run {run.id} goes on" if run and not run.status.finished else words, run)


def termination_message(ending: Ending) -> str:
    """A short JSON object: ``runId`` and ``status`` where a run is known, ``rows``, and ``message``."""
    said: dict[str, object] = {"message": _cut(ending.message)}
    if ending.run is not None:
        rows = ending.run.rows
        said |= {
            "runId": ending.run.id,
            "status": ending.run.status.value,
            "rows": {
                "queried": rows.queried,
                "total": rows.total,
                "succeeded": rows.succeeded,
                "failed": rows.failed,
                "skipped": rows.skipped,
            },
        }
    return json.dumps(said)


def _cut(words: str) -> str:
    """As many of the words as fit; in JSON a character may take twelve bytes."""
    kept: list[str] = []
    size = 0
    for character in words:
        size += len(json.dumps(character)) - 2
        if size > _MESSAGE_LIMIT:
            return "".join(kept) + " …"
        kept.append(character)
    return words
