"""A Sync's Jobs as decisions see them: their state, the results of their runs, and why one does not start."""

from dataclasses import dataclass
from datetime import datetime

from sync_operator.api.statuses.run_status import RunTrigger
from sync_operator.syncapi.types import RemoteRun

__all__ = ["JobResult", "JobView", "StartDiagnosis"]


@dataclass(frozen=True, slots=True)
class JobView:
    """A Job of a Sync or of its CronJob.

    Attributes:
        trigger: why it runs; `REQUEST` by annotation or by hand.
        finished: True if the Job has the condition ``Complete`` or ``Failed``.
        reported: True if the Sync's status has reported its result.
        overdue: True if ``activeDeadlineSeconds`` ended it, so that its pod could not cancel the run.
        run_id: id of the run that was reported for it; None if there was none, or none is reported yet.
        succeeded: True if it ended as ``Complete``.
        of_sync: True if the Sync itself owns it, and not the CronJob, which deletes its own Jobs.
        uid: uid of the object.
        waits: True while its status counts no pod that has run.
        due: scheduled time that it was created for; None for a Job that is not from the schedule.
        template: digest of the template that it was created from; empty if unknown.
        token: token of the run request that it answers; empty if none.
        timed_out: why it did not start within ``spec.run.startTimeout``; empty if that is not exceeded.
    """

    name: str
    trigger: RunTrigger
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
    """The result of a run that ended.

    Attributes:
        job: the Job that triggered or followed it; None for a run started by others.
        run: the run as the API returned it; None if there was none.
        message: the runner's termination message.
        reasons: the most frequent reasons of rejected rows.
        in_batches: True if the server writes the destination's stream in batches.
    """

    job: JobView | None
    run: RemoteRun | None
    message: str = ""
    reasons: tuple[str, ...] = ()
    in_batches: bool = False


@dataclass(frozen=True, slots=True)
class StartDiagnosis:
    """The result of looking up the pods of a Job that should have started by then.

    Attributes:
        at: time of the lookup, by our clock.
        ran: True if a pod of the Job has run after all.
        words: the newest reason in the pods' status or events; empty if there is none.
    """

    at: datetime
    ran: bool = False
    words: str = ""

    @property
    def why(self) -> str:
        """The reason as part of a message; says so if the cluster gives none."""
        return self.words or "the cluster does not tell why"
