"""``status`` of each kind: written by the operator, read back tolerantly."""

from typing import Annotated, Final

from pydantic import Field

from sync_operator.api.base import MicroTime, Model, NumericId, ServerId, Time
from sync_operator.api.statuses.run_status import MAX_RECENT_RUNS, LastRun, RecentRun
from sync_operator.api.statuses.status_fields import Conditions, Count, Generation, Line, Text, Word, read_status

__all__ = [
    "MAX_DISCOVERED",
    "ConnectorStatus",
    "ConnectorUse",
    "ModelStatus",
    "ModelUse",
    "SyncStatus",
    "WorkspaceStatus",
    "read_connector_status",
    "read_model_status",
    "read_sync_status",
    "read_workspace_status",
]

MAX_DISCOVERED: Final = 200
"""Streams or columns whose names a status holds."""

type _Url = Annotated[str, Field(max_length=2048)]


class SyncStatus(Model):
    """What became of a Sync: on the server, in the cluster, and in its last run."""

    observed_generation: Generation = -1
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
    account: Word | None = None
    """The account that registered the sync: the server's id of the user, or the subject of a JSON web token. None for
    a token that tells no account."""
    origin: Word | None = None
    """Whether the sync was `Created` by the operator or `Adopted` by spec.externalId."""
    source_id: NumericId | None = None
    """API field source_id that the sync was registered with: the connector that rows are read from."""
    destination_id: NumericId | None = None
    """API field destination_id that the sync was registered with: the connector that rows are sent to."""
    model_id: NumericId | None = None
    """API field model_id that the sync was registered with: the model whose rows are sent."""
    server_status: Word | None = None
    """API field status of the sync, such as `pending`, `healthy`, `failed`, `disabled`; `deleted` when the server has
    the sync no more."""
    effective_schedule: Annotated[str, Field(max_length=256)] | None = None
    """The schedule in force: a cron line, or @every with an interval; none for manual syncs. With spec.scheduler
    `Server` the line that the server makes of it."""
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    """Time zone of effectiveSchedule."""
    next_runs: Annotated[tuple[Time, ...], Field(max_length=5)] = ()
    """The next scheduled runs, at most five; none while no run is scheduled."""
    cron_job: Word | None = None
    """The CronJob that starts its runs."""
    last_run: LastRun | None = None
    """The newest run that the operator knows of."""
    recent_runs: Annotated[tuple[RecentRun, ...], Field(max_length=MAX_RECENT_RUNS)] = ()
    """The last ten runs that have ended, the newest first."""
    last_success_at: Time | None = None
    """When a run last delivered its rows."""
    last_handled_run_request: Word | None = None
    """The value of annotation squared.ai/run-requested-at that was answered last; of one of more than 253 characters
    `sha256:` and its hash."""
    drift: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    """What others changed on the server, each as `field: old → new`."""
    health: Annotated[str, Field(max_length=7, pattern=r"^(True|False|Unknown)$")] | None = None
    """`False` while RunsHealthy or Fresh is; else `True` once a run has delivered its rows, and `Unknown` before. A
    field selector finds it: `kubectl get syncs -A -o wide --field-selector status.health=False`."""
    message: Text | None = None
    """The message of the condition that is worst: of Ready while it is False, else of RunsHealthy or Fresh while one of
    them is, else of Ready."""
    conditions: Conditions = ()
    """Ready, Registered, Scheduled, RunsHealthy and Fresh; Reconciling and Stalled only while they are true."""


class ModelUse(Model):
    """What of the cluster is registered with a model."""

    syncs: Count = 0
    """How many Syncs."""


class ConnectorUse(ModelUse):
    """What of the cluster is registered with a connector."""

    models: Count = 0
    """How many Models."""


class ConnectorStatus(Model):
    """What became of a Connector on the server."""

    observed_generation: Generation = -1
    """The metadata.generation that this status speaks of; -1 before the operator has seen the resource."""
    id: ServerId | None = None
    """The server's id of the connector."""
    workspace_id: ServerId | None = None
    """The server's workspace that the connector lives in."""
    url: _Url | None = None
    """URL of the server that the connector lives on."""
    registered_at: MicroTime | None = None
    """When the server made the connector, by its own clock and as exactly as it tells. Together with id, it tells the
    connector from another that has the same id on a server that was rebuilt, restored or replaced."""
    account: Word | None = None
    """The account that registered the connector: the server's id of the user, or the subject of a JSON web token. None
    for a token that tells no account."""
    origin: Word | None = None
    """Whether the connector was `Created` by the operator, or was there and `Adopted`."""
    definition: Annotated[str, Field(max_length=255)] | None = None
    """API field connector_name that the connector was registered with: its definition on the server."""
    streams: Annotated[tuple[Line, ...], Field(max_length=MAX_DISCOVERED)] = ()
    """Names of the streams in its catalog, at most the first 200."""
    stream_count: Count | None = None
    """How many streams its catalog has; none while it has no catalog."""
    secrets_digest: Word | None = None
    """Salted hash of the values of configurationSecrets that were sent last: it tells that one has changed, and nothing
    else."""
    server_updated_at: MicroTime | None = None
    """API field updated_at after the operator's last write: a later one is the only sign of somebody else's write to
    a value that the server hides."""
    last_handled_discover_request: Word | None = None
    """The value of annotation squared.ai/discover-requested-at that was answered last; of one of more than 253
    characters `sha256:` and its hash."""
    used_by: ConnectorUse | None = None
    """What of the cluster uses it; changes are counted after a few seconds, of thousands within a minute. While
    anything uses it, it is not deleted on the server; what others made there is looked for then, and not counted."""
    drift: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    """What others changed on the server, each as `field: old → new`."""
    message: Text | None = None
    """The message of the condition that is worst: of Ready while it is False, else of Discovered or Connected while
    one of them is, else of Ready."""
    conditions: Conditions = ()
    """Ready and Registered; Discovered where a catalog is wanted; Connected only with spec.check; Reconciling and
    Stalled only while they are true."""


class ModelStatus(Model):
    """What became of a Model on the server."""

    observed_generation: Generation = -1
    """The metadata.generation that this status speaks of; -1 before the operator has seen the resource."""
    id: ServerId | None = None
    """The server's id of the model."""
    workspace_id: ServerId | None = None
    """The server's workspace that the model lives in."""
    url: _Url | None = None
    """URL of the server that the model lives on."""
    registered_at: MicroTime | None = None
    """When the server made the model, by its own clock and as exactly as it tells. Together with id, it tells the model
    from another that has the same id on a server that was rebuilt, restored or replaced."""
    account: Word | None = None
    """The account that registered the model: the server's id of the user, or the subject of a JSON web token. None for
    a token that tells no account."""
    origin: Word | None = None
    """Whether the model was `Created` by the operator, or was there and `Adopted`."""
    connector_id: NumericId | None = None
    """API field connector_id that the model was registered with: the source that its query is sent to."""
    columns: Annotated[tuple[Line, ...], Field(max_length=MAX_DISCOVERED)] = ()
    """Names of the columns of the query's result, at most the first 200; only with spec.preview."""
    column_count: Count | None = None
    """How many columns the query's result has; only with spec.preview."""
    used_by: ModelUse | None = None
    """What of the cluster uses it, counted as that of a Connector. While anything uses it, it is not deleted on the
    server, and its primaryKey is fixed."""
    drift: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    """What others changed on the server, each as `field: old → new`."""
    message: Text | None = None
    """The message of the condition that is worst: of Ready while it is False, else of QueryValid while that is, else of
    Ready."""
    conditions: Conditions = ()
    """Ready and Registered; QueryValid only with spec.preview; Reconciling and Stalled only while they are true."""


class WorkspaceStatus(Model):
    """What the operator found at the other end of a Workspace."""

    observed_generation: Generation = -1
    """The metadata.generation that this status speaks of; -1 before the operator has seen the resource."""
    dialect: Word | None = None
    """The dialect that the server speaks: `Documented` or `Multiwoven`."""
    user: Annotated[str, Field(max_length=320)] | None = None
    """E-mail address of the user that the token belongs to."""
    role: Word | None = None
    """Role of that user in the workspace."""
    syncs: Count | None = None
    """How many Syncs refer to this Workspace."""
    token_secret: Word | None = None
    """The Secret that run pods take their token from."""
    last_compared_at: Time | None = None
    """When the last comparison of its Syncs with the server began that got to its end. It is brought up to date at most
    once an hour, and whenever something else changes here: Compared tells when it is too long ago."""
    last_handled_server_confirmation: Text | None = None
    """The value of annotation squared.ai/confirm-server that was heard last, and is used up."""
    message: Text | None = None
    """The message of the condition that is worst: of Ready while it is False, else of Compared while that is, else of
    Ready."""
    conditions: Conditions = ()
    """Ready: the server answers, knows the workspace, and takes the credentials. Compared: its Syncs were compared with
    what the server holds within the last three periods; only while there are Syncs."""


def read_sync_status(obj: object) -> SyncStatus:
    """Read the status of a Sync as `read_status` does."""
    return read_status(SyncStatus, obj)


def read_workspace_status(obj: object) -> WorkspaceStatus:
    """Read the status of a Workspace as `read_status` does."""
    return read_status(WorkspaceStatus, obj)


def read_connector_status(obj: object) -> ConnectorStatus:
    """Read the status of a Connector as `read_status` does."""
    return read_status(ConnectorStatus, obj)


def read_model_status(obj: object) -> ModelStatus:
    """Read the status of a Model as `read_status` does."""
    return read_status(ModelStatus, obj)
