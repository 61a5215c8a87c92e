"""The actions that only the reconcile of a Sync can take, besides those of every registration. Each is a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.registration_actions import (
    DeleteRemote,
    RegistrationAction,
    UpdateRemote,
)
from sync_operator.domain.runs.job_state import JobView
from sync_operator.domain.runs.start_actions import StartAction
from sync_operator.syncapi.types import RefKind, RemoteRun

__all__ = [
    "AcknowledgeRunRequest",
    "Action",
    "AdoptRun",
    "ApplyCronJob",
    "CancelAndDeleteSync",
    "DeleteCronJob",
    "Difference",
    "GuardSchedule",
    "ListNames",
    "ListRuns",
    "PruneJobs",
    "ReadRuns",
    "RecordHandledRequest",
    "ServerAction",
    "SetEnabled",
    "SyncAction",
    "TakeOverSync",
]


@dataclass(frozen=True, slots=True)
class ListNames:
    """List connectors or models; all Syncs of an account share the lists.

    Attributes:
        roles: kinds that the spec references by name.
        checks: kinds whose ids are to be checked, if the server lists them.
    """

    roles: tuple[RefKind, ...]
    phase: Phase
    checks: tuple[RefKind, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeOverSync(UpdateRemote):
    """`PUT /syncs/:id` between disable and enable, to end the server's own schedule."""


@dataclass(frozen=True, slots=True)
class CancelAndDeleteSync(DeleteRemote):
    """Cancel an active run, and `DELETE /syncs/:id`."""


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """`PATCH /syncs/:id/enable`; ``changes`` as in `UpdateRemote`."""

    sync_id: str
    enabled: bool
    changes: tuple[str, ...]
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class GuardSchedule:
    """Set the CronJob's ``status.lastScheduleTime``, so that the next change starts no run for a time in the past."""

    name: str
    at: datetime
    phase: ClassVar[Phase] = Phase.SCHEDULING


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a live CronJob that differs from what we apply.

    Attributes:
        path: the path; an element of a list by its key.
        stays: True if no apply changes it: an admission policy set it, or it was added next to what we apply.
        words: old and new value, and the field manager that changed it, as far as known; part of a message.
    """

    path: str
    stays: bool
    words: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ApplyCronJob:
    """Server-side apply of the whole CronJob; if none is known, only if there is none of that name.

    Attributes:
        foreign: external changes that it is to revert; none if the change is ours.
        lost: True if others deleted the CronJob.
    """

    name: str
    manifest: Mapping[str, Any]
    foreign: tuple[Difference, ...] = ()
    lost: bool = False
    phase: ClassVar[Phase] = Phase.SCHEDULING


@dataclass(frozen=True, slots=True)
class DeleteCronJob:
    """Delete the CronJob and its Jobs explicitly, so that no run starts during the rest of the work."""

    name: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """Read the runs that finished Jobs triggered or followed: of all Jobs at once, in the order of their ends."""

    jobs: tuple[JobView, ...]
    sync_id: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class ListRuns:
    """List the newest runs of a sync that the server schedules."""

    sync_id: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class AdoptRun:
    """Report a run that no Job of ours started."""

    run: RemoteRun
    sync_id: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class AcknowledgeRunRequest:
    """Create a Job from the CronJob, once per token; without a manifest the request is only marked as handled."""

    token: str
    manifest: Mapping[str, Any] | None
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class RecordHandledRequest:
    """Write an annotation with the handled run request: a backup restores it together with the request."""

    token: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class PruneJobs:
    """Delete finished Jobs of run requests beyond the history limits."""

    names: tuple[str, ...]
    phase: ClassVar[Phase] = Phase.RUNS


type ServerAction = ListNames | TakeOverSync | SetEnabled | ReadRuns | ListRuns | AdoptRun | CancelAndDeleteSync
"""Those that need the sync server."""

type SyncAction = (
    ServerAction
    | GuardSchedule
    | ApplyCronJob
    | DeleteCronJob
    | AcknowledgeRunRequest
    | RecordHandledRequest
    | PruneJobs
    | StartAction
)

type Action = RegistrationAction | SyncAction
