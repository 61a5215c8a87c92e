"""The outcome of a runner: exit code, message, and the termination message that the operator reads."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sync_operator.api.statuses.conditions import Reason
from sync_operator.syncapi.run_verdict import evaluate_run
from sync_operator.syncapi.types import RemoteRun

__all__ = ["ExitCode", "RunOutcome", "crash", "outcome_of", "termination_message"]

_MAX_MESSAGE_BYTES: Final = 2048
"""Maximum bytes of the text, so that the termination message stays below the 4096 bytes that the kubelet keeps."""


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
class RunOutcome:
    """The outcome: exit code, message, and the run if one was found."""

    code: ExitCode
    message: str
    run: RemoteRun | None = None


def outcome_of(run: RemoteRun, max_failed_rows_percent: float, *, before: Iterable[RemoteRun] = ()) -> RunOutcome:
    """The outcome of a finished run, by its row counts and the runs before it."""
    verdict = evaluate_run(run, max_failed_rows_percent, before=before)
    if verdict.delivered:
        return RunOutcome(ExitCode.DELIVERED, verdict.message, run)
    code = ExitCode.CANCELED if verdict.reason is Reason.RUN_CANCELED else ExitCode.FAILED
    return RunOutcome(code, verdict.message, run)


def crash(error: Exception, run: RemoteRun | None = None) -> RunOutcome:
    """The outcome after a defect, with the run that was followed; the error's text goes to the masked log only."""
    message = f"the runner failed unexpectedly ({type(error).__name__}): report it with the log of this pod"
    return RunOutcome(
        ExitCode.CRASHED, f"{message}; run {run.id} goes on" if run and not run.status.finished else message, run
    )


def termination_message(outcome: RunOutcome) -> str:
    """A short JSON object: ``message``, and if there is a run, ``runId``, ``status`` and ``rows``."""
    fields: dict[str, object] = {"message": _truncate(outcome.message)}
    if outcome.run is not None:
        fields |= {
            "runId": outcome.run.id,
            "status": outcome.run.status.value,
            "rows": outcome.run.rows.as_dict(),
        }
    return json.dumps(fields)


def _truncate(text: str) -> str:
    """The text, truncated to `_MAX_MESSAGE_BYTES` bytes of JSON, in which a character may take twelve bytes."""
    kept: list[str] = []
    size = 0
    for character in text:
        size += len(json.dumps(character)) - 2
        if size > _MAX_MESSAGE_BYTES:
            return "".join(kept) + " …"
        kept.append(character)
    return text
