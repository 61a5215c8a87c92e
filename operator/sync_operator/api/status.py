"""``status`` of Syncs and Workspaces: written by the operator, read back tolerantly."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from sync_operator.api.base import JsonInt, MicroTime, Model, ServerId, Time

__all__ = [
    "MAX_RECENT_RUNS",
    "Condition",
    "LastRun",
    "RecentRun",
    "RowCounts",
    "RunTrigger",
    "SyncStatus",
    "WorkspaceStatus",
    "read_sync_status",
    "read_workspace_status",
    "to_dict",
]

MAX_RECENT_RUNS: Final = 10

type _Word = Annotated[str, Field(max_length=253)]
type _Text = Annotated[str, Field(max_length=32768)]
type _Url = Annotated[str, Field(max_length=2048)]
type _Line = Annotated[str, Field(max_length=1024)]
type _Count = Annotated[JsonInt, Field(ge=0, le=2**63 - 1)]
type _Id = Annotated[JsonInt, Field(ge=1, le=2**63 - 1)]
type _Generation = Annotated[JsonInt, Field(ge=-1, le=2**63 - 1)]


class Condition(Model):
    """One thing that is true or false about the resource, by the rules of kstatus."""

    type: _Word
    """What it is about."""
    status: Annotated[str, Field(max_length=7, pattern=r"^(True|False|Unknown)$")]
    """`True`, `False` or `Unknown`."""
    observed_generation: _Generation | None = None
    """The metadata.generation that it speaks of."""
    last_transition_time: Time
    """When `status` last changed."""
    reason: _Word
    """Why, in one word; an event about the same change carries the same word."""
    message: _Text = ""
    """Why, for people: what is wrong, where, and what to do next."""


type _Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


class RowCounts(Model):
    """Rows of a run, as the server counts them."""

    queried: _Count = 0
    """API field total_query_rows: rows that the model's query returned."""
    total: _Count = 0
    """API field total_rows: rows that were to be sent."""
    succeeded: _Count = 0
    """API field successful_rows: rows that the destination took."""
    failed: _Count = 0
    """API field failed_rows: rows that the destination refused."""
    skipped: _Count | None = None
    """API field skipped_rows: rows that were left out as unchanged; none where the server does not count them."""


class RunTrigger(StrEnum):
    """Why a run ran."""

    SCHEDULE = "Schedule"
    REQUEST = "Request"
    OTHER = "Other"
    """The server, its user interface, other clients."""

    @classmethod
    def _missing_(cls, _: object) -> "RunTrigger":
        """A status that somebody else wrote may hold any word."""
        return cls.OTHER


class LastRun(Model):
    """The newest run that the operator knows of."""

    id: ServerId | None = None
    """The server's id of the run; none where the server knows no such run."""
    trigger: _Word = RunTrigger.OTHER
    """Why it ran: `Schedule`, `Request`, or `Other` (the server, its user interface, other clients)."""
    status: _Word = "unknown"
    """API field status of the run, such as `in_progress`, `success`, `failed`, `canceled`; `waiting` while no pod of
    its Job has run, `missed` for a time at which no Job was made."""
    verdict: _Word | None = None
    """What became of it, by its rows: `delivered`, `rows refused`, `failed`, `canceled`; `running` or `waiting` before
    its end; `missed` where there was none."""
    started_at: Time | None = None
    """When it began; while it waits to start, since when."""
    finished_at: Time | None = None
    """When it ended."""
    duration_seconds: _Count | None = None
    """How long it took."""
    rows: RowCounts | None = None
    """What became of its rows."""
    message: _Text | None = None
    """What became of it, for people."""
    job: _Word | None = None
    """The Job that ran it."""


class RecentRun(Model):
    """A run that has ended."""

    id: ServerId | None = None
    """The server's id of the run; none where the server knows no such run."""
    trigger: _Word = RunTrigger.OTHER
    """Why it ran: `Schedule`, `Request`, or `Other`."""
    status: _Word = "unknown"
    """API field status of the run, such as `success`, `failed`, `canceled`."""
    verdict: _Word | None = None
    """What became of it, by its rows: `delivered`, `rows refused`, `failed`, `canceled`."""
    started_at: Time | None = None
    """When it began."""
    finished_at: Time | None = None
    """When it ended."""
    rows: RowCounts | None = None
    """What became of its rows."""
    reasons: Annotated[tuple[_Line, ...], Field(max_length=3)] | None = None
    """Why rows of it were refused, each with how many: the most frequent reasons."""


class SyncStatus(Model):
    """What became of a Sync: on the server, in the cluster, and in its last run."""

    observed_generation: _Generation = -1
    """The metadata.generation that this status speaks of; -1 before the operator has seen the resource."""
    id: ServerId | None = None
    """The server's id of the sync."""
    workspace_id: ServerId | None = None
    """The server's workspace that the sync lives in."""
    url: _Url | None = None
    """URL of the server that the sync lives on."""
    registered_at: MicroTime | None = None
    """When the server made the sync, by its own clock and as exactly as it tells. Together with id, it tells the sync
    from another that has the same id on a server that was rebuilt, restored or replaced. None where the server does not
    tell."""
    account: _Word | None = None
    """The account that registered the sync: the server's id of the user, or the subject of a JSON web token. None for
    a token that tells no account."""
    origin: _Word | None = None
    """Whether the sync was `Created` by the operator or `Adopted` by spec.externalId."""
    source_id: _Id | None = None
    """API field source_id that the sync was registered with: the connector that rows are read from."""
    destination_id: _Id | None = None
    """API field destination_id that the sync was registered with: the connector that rows are sent to."""
    model_id: _Id | None = None
    """API field model_id that the sync was registered with: the model whose rows are sent."""
    server_status: _Word | None = None
    """API field status of the sync, such as `pending`, `healthy`, `failed`, `disabled`; `deleted` when the server has
    the sync no more."""
    effective_schedule: Annotated[str, Field(max_length=256)] | None = None
    """The schedule in force: a cron line, or @every with an interval; none for manual syncs. With spec.scheduler
    `Server` the line that the server makes of it."""
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    """Time zone of effectiveSchedule."""
    next_runs: Annotated[tuple[Time, ...], Field(max_length=5)] = ()
    """The next scheduled runs, at most five; none while no run is scheduled."""
    cron_job: _Word | None = None
    """The CronJob that starts its runs."""
    last_run: LastRun | None = None
    """The newest run that the operator knows of."""
    recent_runs: Annotated[tuple[RecentRun, ...], Field(max_length=MAX_RECENT_RUNS)] = ()
    """The last ten runs that have ended, the newest first."""
    last_success_at: Time | None = None
    """When a run last delivered its rows."""
    last_handled_run_request: _Word | None = None
    """The value of annotation squared.ai/run-requested-at that was answered last; of one of more than 253 characters
    `sha256:` and its hash."""
    drift: Annotated[tuple[_Line, ...], Field(max_length=64)] = ()
    """What others changed on the server, each as `field: old → new`."""
    health: Annotated[str, Field(max_length=7, pattern=r"^(True|False|Unknown)$")] | None = None
    """`False` while RunsHealthy or Fresh is; else `True` once a run has delivered its rows, and `Unknown` before. A
    field selector finds it: `kubectl get syncs -A -o wide --field-selector status.health=False`."""
    message: _Text | None = None
    """The message of the condition that is worst: of Ready while it is False, else of RunsHealthy or Fresh while one of
    them is, else of Ready."""
    conditions: _Conditions = ()
    """Ready, Registered, Scheduled, RunsHealthy and Fresh; Reconciling and Stalled only while they are true."""


class WorkspaceStatus(Model):
    """What the operator found at the other end of a Workspace."""

    observed_generation: _Generation = -1
    """The metadata.generation that this status speaks of; -1 before the operator has seen the resource."""
    dialect: _Word | None = None
    """The dialect that the server speaks: `Documented` or `Multiwoven`."""
    user: Annotated[str, Field(max_length=320)] | None = None
    """E-mail address of the user that the token belongs to."""
    role: _Word | None = None
    """Role of that user in the workspace."""
    syncs: _Count | None = None
    """How many Syncs refer to this Workspace."""
    token_secret: _Word | None = None
    """The Secret that run pods take their token from."""
    last_compared_at: Time | None = None
    """When the last comparison of its Syncs with the server began that got to its end. It is brought up to date at most
    once an hour, and whenever something else changes here: Compared tells when it is too long ago."""
    last_handled_server_confirmation: _Text | None = None
    """The value of annotation squared.ai/confirm-server that was heard last, and is used up."""
    message: _Text | None = None
    """The message of the condition that is worst: of Ready while it is False, else of Compared while that is, else of
    Ready."""
    conditions: _Conditions = ()
    """Ready: the server answers, knows the workspace, and takes the credentials. Compared: its Syncs were compared with
    what the server holds within the last three periods; only while there are Syncs."""


def to_dict(status: Model) -> dict[str, Any]:
    """The status as it is written to the cluster: camelCase, JSON values, without what is unknown or empty."""
    written = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in written.items() if value != []}


def read_sync_status(obj: object) -> SyncStatus:
    """Read a status as well as it goes: what another release or a person spoiled is left out, never an error."""
    return _read(SyncStatus, obj)


def read_workspace_status(obj: object) -> WorkspaceStatus:
    """Read a status as `read_sync_status` does."""
    return _read(WorkspaceStatus, obj)


def _read[S: Model](model: type[S], obj: object) -> S:
    if not isinstance(obj, Mapping):
        return model()
    try:
        return model.model_validate(dict(obj))
    except ValidationError as error:
        locations = [entry["loc"] for entry in error.errors(include_input=False, include_url=False)]
    kept = dict(obj)
    for key in {location[0] for location in locations}:
        bad = {location[1] for location in locations if location[0] == key and len(location) > 1}
        if isinstance(kept[key], list) and bad:
            kept[key] = [item for index, item in enumerate(kept[key]) if index not in bad]
        else:
            del kept[key]
    return model.model_validate(kept)
