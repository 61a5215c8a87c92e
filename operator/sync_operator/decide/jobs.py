"""Jobs of a Sync as decisions see them: how far each is, what its run did, and why it does not start."""

from dataclasses import dataclass
from datetime import datetime

from sync_operator.remote.types import RemoteRun

__all__ = ["JobResult", "JobView", "StartLook"]


@dataclass(frozen=True, slots=True)
class JobView:
    """A Job of a Sync's CronJob.

    Attributes:
        trigger: ``Schedule``, ``Request`` (by annotation or by hand) or ``Other``.
        finished: True when the Job has the condition ``Complete`` or ``Failed``.
        reported: True when the Sync's status has told how it ended.
        overdue: True when its deadline ended it, so that its pod could not cancel the run.
        run_id: of the run that the status told of; None where there was none, or is nothing told yet.
        succeeded: True when it ended as ``Complete``.
        of_sync: True when it belongs to the Sync itself, and not to its CronJob, which deletes its own.
        uid: of the object.
        waits: True while its status tells of no pod that has run.
        due: the scheduled time that it was made for; None for a Job that no schedule asked for.
        template: digest of the template that it was made from; empty where it does not tell.
        token: of the run request that it answers; empty for one that answers none.
        timed_out: why it did not start, where that took longer than ``spec.run.startTimeout``; else empty.
    """

    name: str
    trigger: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    finished: bool = False
    reported: bool = False
    overdue: bool = False
    run_id: int | None = None
    succeeded: bool = False
    of_sync: bool = False
    uid: str = ""
    waits: bool = False
    due: datetime | None = None
    template: str = ""
    token: str = ""
    timed_out: str = ""


@dataclass(frozen=True, slots=True)
class JobResult:
    """What is known of a run that ended.

    Attributes:
        job: the Job that made or followed it; None for a run of others.
        run: as the API tells it; None where there was none.
        message: the runner's own last words.
        reasons: the most frequent reasons of refused rows.
        in_batches: True where the server writes the destination's stream in batches.
    """

    job: JobView | None
    run: RemoteRun | None
    message: str = ""
    reasons: tuple[str, ...] = ()
    in_batches: bool = False


@dataclass(frozen=True, slots=True)
class StartLook:
    """What a look at the pods of a Job has shown that should have started by then.

    Attributes:
        at: when that was, by our clock.
        ran: True when a pod of it has run after all.
        words: the newest reason that the cluster gives; empty where it gives none.
    """

    at: datetime
    ran: bool = False
    words: str = ""

    @property
    def why(self) -> str:
        """The same for people, also where the cluster said nothing."""
        return self.words or "the cluster does not tell why"
