"""The actions a reconcile can take. Each is a value; `handlers.act` knows how to carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sync_operator.decide.picture import JobView, Phase
from sync_operator.remote.types import RemoteSync

__all__ = [
    "Action",
    "AdoptSync",
    "AnswerRunRequest",
    "ApplyCronJob",
    "CreateSync",
    "DeleteCronJob",
    "DeleteSync",
    "DropFinalizer",
    "GuardSchedule",
    "ListSyncs",
    "MarkCreate",
    "ReadRun",
    "TakeCreated",
    "UpdateSync",
]


@dataclass(frozen=True, slots=True)
class MarkCreate:
    """One patch that adds our finalizer and the create mark, before anything is sent to the server."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class CreateSync:
    """`POST /syncs`."""

    body: Mapping[str, Any]
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ListSyncs:
    """List the workspace's syncs: the outcome of an earlier create is unknown."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class TakeCreated:
    """The listed sync is what our own create made: take its id."""

    remote: RemoteSync
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class AdoptSync:
    """Read the server sync that ``spec.externalId`` names, to take it over."""

    sync_id: str
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class UpdateSync:
    """`PUT /syncs/:id`; with ``take_over`` between disable and enable, to end the server's own schedule."""

    sync_id: str
    body: Mapping[str, Any]
    take_over: bool = False
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class GuardSchedule:
    """Set the CronJob's ``status.lastScheduleTime``, so that the next change fires for no time in the past."""

    name: str
    at: datetime
    phase: ClassVar[Phase] = Phase.SCHEDULING


@dataclass(frozen=True, slots=True)
class ApplyCronJob:
    """Server-side apply of the whole CronJob."""

    manifest: Mapping[str, Any]
    phase: ClassVar[Phase] = Phase.SCHEDULING


@dataclass(frozen=True, slots=True)
class DeleteCronJob:
    """Delete the CronJob and its Jobs explicitly, so that nothing fires while we go on."""

    name: str
    jobs: tuple[str, ...]
    phase: Phase


@dataclass(frozen=True, slots=True)
class ReadRun:
    """Read the run that a finished Job made or followed."""

    job: JobView
    sync_id: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class AnswerRunRequest:
    """Make a Job from the CronJob, once per token; without a manifest the request is only noted as seen."""

    token: str
    manifest: Mapping[str, Any] | None
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class DeleteSync:
    """Cancel an active run and `DELETE /syncs/:id`."""

    sync_id: str
    phase: ClassVar[Phase] = Phase.DELETION


@dataclass(frozen=True, slots=True)
class DropFinalizer:
    """Let the resource go."""

    phase: ClassVar[Phase] = Phase.DELETION


type Action = (
    MarkCreate
    | CreateSync
    | ListSyncs
    | TakeCreated
    | AdoptSync
    | UpdateSync
    | GuardSchedule
    | ApplyCronJob
    | DeleteCronJob
    | ReadRun
    | AnswerRunRequest
    | DeleteSync
    | DropFinalizer
)
