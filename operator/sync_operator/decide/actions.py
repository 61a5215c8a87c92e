"""The actions a reconcile can take. Each is a value; `handlers.act` knows how to carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sync_operator.decide.jobs import JobView
from sync_operator.decide.picture import Duplicate, Phase
from sync_operator.decide.start_actions import StartAction
from sync_operator.model.sync import ConfigurationSecret
from sync_operator.remote.types import RemoteRun, RemoteSync, Role

__all__ = [
    "Action",
    "AnswerRunRequest",
    "ApplyCronJob",
    "CreateSync",
    "DeleteCronJob",
    "DeleteSync",
    "DeleteTwin",
    "DropFinalizer",
    "ForgetSync",
    "GuardSchedule",
    "ListNames",
    "ListRuns",
    "ListSyncs",
    "LookAtCrd",
    "MarkCluster",
    "MarkCreate",
    "NoteRunRequest",
    "ProveWorkspace",
    "PruneJobs",
    "ReadRuns",
    "ReadSecrets",
    "ReadSync",
    "ServerAction",
    "SetEnabled",
    "TakeCreated",
    "TakeRun",
    "UpdateSync",
]


@dataclass(frozen=True, slots=True)
class ReadSecrets:
    """Read the Secrets whose values belong into ``configuration``."""

    wanted: tuple[ConfigurationSecret, ...]
    phase: Phase


@dataclass(frozen=True, slots=True)
class MarkCreate:
    """One patch that adds our finalizer and the create mark, before anything is sent to the server.

    Attributes:
        at: time of the mark.
        fresh: True when nothing can have been sent before it.
        repeats: True when a create that may have been sent before is given up, and one is to be sent once more: the
            write also tells when that was, because both may be carried out in the end.
    """

    at: datetime
    fresh: bool
    repeats: bool = False
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class MarkCluster:
    """Write the mark of this cluster on a Sync that has none, or that of another one which is gone."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class CreateSync:
    """`POST /syncs`."""

    body: Mapping[str, Any] = field(repr=False)
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ListNames:
    """List connectors or models; all Syncs of an account share the lists.

    Attributes:
        roles: what the spec gives by name.
        checks: what is to be looked up by id, where the server lists it.
    """

    roles: tuple[Role, ...]
    phase: Phase
    checks: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class ListSyncs:
    """List the workspace's syncs: the outcome of an earlier create is unknown."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class TakeCreated:
    """Take the id of a listed sync that holds what is wanted.

    Attributes:
        remote: the sync.
        others: ids of those that would fit too.
        adopted: False when it is certain that a create of ours has made it.
    """

    remote: RemoteSync
    others: tuple[str, ...]
    adopted: bool
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class DeleteTwin:
    """Delete what a create of this Sync has made after it was given up, beside the sync that the Sync has."""

    twin: Duplicate
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ReadSync:
    """`GET /syncs/:id`: the registered sync, or the one that ``spec.externalId`` asks for."""

    sync_id: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class UpdateSync:
    """`PUT /syncs/:id`; with ``take_over`` between disable and enable, to end the server's own schedule.

    Attributes:
        body: without the fields that are fixed once registered.
        changes: what others changed and this puts back, for people; empty when the spec changed.
    """

    sync_id: str
    body: Mapping[str, Any] = field(repr=False)
    take_over: bool
    changes: tuple[str, ...]
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """`PATCH /syncs/:id/enable`; ``changes`` as in `UpdateSync`."""

    sync_id: str
    enabled: bool
    changes: tuple[str, ...]
    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ProveWorkspace:
    """Ask who we are: a sync is only gone when the workspace is still the one it lived in."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class ForgetSync:
    """Take the id out of the status: the sync was deleted on the server, and is to be made anew."""

    phase: ClassVar[Phase] = Phase.REGISTRATION


@dataclass(frozen=True, slots=True)
class GuardSchedule:
    """Set the CronJob's ``status.lastScheduleTime``, so that the next change fires for no time in the past."""

    name: str
    at: datetime
    phase: ClassVar[Phase] = Phase.SCHEDULING


@dataclass(frozen=True, slots=True)
class ApplyCronJob:
    """Server-side apply of the whole CronJob; where none is known, only if there is none of that name.

    Attributes:
        foreign: places that others changed and this is to put back; none when the change is ours.
        lost: others deleted it.
    """

    name: str
    manifest: Mapping[str, Any]
    foreign: tuple[str, ...] = ()
    lost: bool = False
    phase: ClassVar[Phase] = Phase.SCHEDULING


@dataclass(frozen=True, slots=True)
class DeleteCronJob:
    """Delete the CronJob and its Jobs explicitly, so that nothing fires while we go on."""

    name: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """Read the runs that finished Jobs made or followed: of all of them at once, in the order of their ends."""

    jobs: tuple[JobView, ...]
    sync_id: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class ListRuns:
    """List the newest runs of a sync that the server schedules."""

    sync_id: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class TakeRun:
    """Report a run that somebody else started."""

    run: RemoteRun
    sync_id: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class AnswerRunRequest:
    """Make a Job from the CronJob, once per token; without a manifest the request is only noted as seen."""

    token: str
    manifest: Mapping[str, Any] | None
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class NoteRunRequest:
    """Write on the Sync which request was answered: a backup brings that back, and the request with it."""

    token: str
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class PruneJobs:
    """Delete Jobs of requests that have ended, beyond those that are to be kept."""

    names: tuple[str, ...]
    phase: ClassVar[Phase] = Phase.RUNS


@dataclass(frozen=True, slots=True)
class LookAtCrd:
    """Ask whether it is the CRD of all Syncs that is being deleted."""

    phase: ClassVar[Phase] = Phase.DELETION


@dataclass(frozen=True, slots=True)
class DeleteSync:
    """Cancel an active run, where one can be, and `DELETE /syncs/:id`.

    Attributes:
        cancels: False where the server would refuse to cancel: a disabled sync, or one that it schedules itself.
    """

    sync_id: str
    cancels: bool = True
    phase: ClassVar[Phase] = Phase.DELETION


@dataclass(frozen=True, slots=True)
class DropFinalizer:
    """Let the resource go."""

    phase: ClassVar[Phase] = Phase.DELETION


type ServerAction = (
    CreateSync
    | ListNames
    | ListSyncs
    | TakeCreated
    | ReadSync
    | UpdateSync
    | SetEnabled
    | ProveWorkspace
    | ReadRuns
    | ListRuns
    | TakeRun
    | DeleteSync
    | DeleteTwin
)
"""Actions that need the sync server."""

type Action = (
    ServerAction
    | ReadSecrets
    | MarkCluster
    | MarkCreate
    | ForgetSync
    | GuardSchedule
    | ApplyCronJob
    | DeleteCronJob
    | AnswerRunRequest
    | NoteRunRequest
    | PruneJobs
    | StartAction
    | LookAtCrd
    | DropFinalizer
)
