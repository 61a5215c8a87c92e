"""The actions about runs that do not start. Each is a value; `handlers.starts` knows how to carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sync_operator.decide.jobs import JobView
from sync_operator.decide.picture import Phase

__all__ = ["FailStart", "LookAtCronJob", "LookAtStart", "ReplaceJob", "StartAction"]


@dataclass(frozen=True, slots=True)
class LookAtStart:
    """Look why no pod of a Job has run; one that has run after all is noted as well."""

    job: JobView
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class FailStart:
    """End a Job of which no pod has run, for good: it took longer than ``limit``."""

    job: JobView
    limit: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class ReplaceJob:
    """Delete a Job of which no pod has run, as its template has changed.

    Attributes:
        manifest: the Job that answers the same run request by the new template; None where none was asked for.
        last_schedule: what the CronJob's ``status.lastScheduleTime`` is set to first, so that it fires for no time in
            the past; None where it stays.
    """

    job: JobView
    manifest: Mapping[str, Any] | None
    last_schedule: datetime | None
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class LookAtCronJob:
    """Look why the CronJob controller has made no Job at a time that was due."""

    phase: ClassVar[Phase] = Phase.RUNS


type StartAction = LookAtStart | FailStart | ReplaceJob | LookAtCronJob
"""What is done about runs that do not start."""
