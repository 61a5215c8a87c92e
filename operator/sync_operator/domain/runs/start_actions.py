"""The actions for Jobs that do not start. Each is a value; `controller.sync.act_on_start` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sync_operator.domain.blocker import Phase
from sync_operator.domain.runs.job_state import JobView

__all__ = ["DiagnoseCronJob", "DiagnoseJob", "FailStart", "ReplaceJob", "StartAction"]


@dataclass(frozen=True, slots=True)
class DiagnoseJob:
    """Look up why no pod of a Job has run; if one has run after all, that is recorded as well."""

    job: JobView
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class FailStart:
    """End a Job whose pods have not run within ``limit`` (``spec.run.startTimeout``)."""

    job: JobView
    limit: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class ReplaceJob:
    """Delete a Job whose pods have not run, because its template has changed.

    Attributes:
        manifest: a Job from the new template for the same run request; None if the Job is not from a request.
        last_schedule: value for the CronJob's ``status.lastScheduleTime``, set first so that no run starts for a time
            in the past; None leaves it unchanged.
    """

    job: JobView
    manifest: Mapping[str, Any] | None
    last_schedule: datetime | None
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class DiagnoseCronJob:
    """Look up why the CronJob controller has created no Job for a scheduled time."""

    phase: ClassVar[Phase] = Phase.RUNS


type StartAction = DiagnoseJob | FailStart | ReplaceJob | DiagnoseCronJob
"""Actions for Jobs that do not start, or that were not created."""
