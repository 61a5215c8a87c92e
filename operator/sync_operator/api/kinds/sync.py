"""``spec`` of a Sync: the create-sync schema of the API, flat, and the operator's own fields."""

from typing import Annotated, Any

from pydantic import Field

from sync_operator.api.base import MAX_ENTRIES, JsonBool, JsonInt, Model, NumericId, ServerId
from sync_operator.api.enums import (
    AdoptionPolicy,
    DeletionPolicy,
    DriftPolicy,
    IntervalUnit,
    Scheduler,
    ScheduleType,
    SyncMode,
)
from sync_operator.api.kinds.resource_ref import ConfigurationSecrets, ResourceRef, WorkspaceRef
from sync_operator.api.kinds.run import FreshnessSpec, PodSpec, RunSpec

__all__ = [
    "FreshnessSpec",
    "IntervalUnit",
    "PodSpec",
    "RunSpec",
    "ScheduleType",
    "Scheduler",
    "SyncMode",
    "SyncSpec",
]


class SyncSpec(Model):
    """The sync that is wanted and how it is run. Mirrored fields mean what they mean in the API's create-sync call."""

    source_id: NumericId | None = None
    """API field source_id: the connector that rows are read from. Exactly one of this and sourceRef. Fixed once the
    sync is registered."""
    source_ref: ResourceRef | None = None
    """The connector that rows are read from: a Connector of this namespace, or a name on the server. So one manifest
    serves several workspaces. Exactly one of this and sourceId; may become the other for the same connector. The id
    found is in status.sourceId."""
    destination_id: NumericId | None = None
    """API field destination_id: the connector that rows are sent to. Exactly one of this and destinationRef. Fixed
    once the sync is registered."""
    destination_ref: ResourceRef | None = None
    """The connector that rows are sent to: a Connector of this namespace, or a name on the server. So one manifest
    serves several workspaces. Exactly one of this and destinationId; may become the other for the same connector. The
    id found is in status.destinationId."""
    model_id: NumericId | None = None
    """API field model_id: the model whose rows are sent. Exactly one of this and modelRef. Fixed once the sync is
    registered."""
    model_ref: ResourceRef | None = None
    """The model whose rows are sent: a Model of this namespace, or a name on the server. So one manifest serves several
    workspaces. Exactly one of this and modelId; may become the other for the same model. The id found is in
    status.modelId."""
    schedule_type: ScheduleType
    """API field schedule_type, which says what starts runs: `interval` (syncInterval with its unit), `cron_expression`
    (cronExpression), `automated` (cronExpression if given, else the interval), `manual` (nothing: by request only)."""
    configuration: (
        Annotated[dict[str, Any], Field(max_length=MAX_ENTRIES)] | Annotated[list[Any], Field(max_length=MAX_ENTRIES)]
    )
    """API field configuration: which column goes to which field, an object or a list, sent as written. Each item of a
    list needs `from`, `to` and `mapping_type`."""
    configuration_secrets: ConfigurationSecrets = ()
    """Values from Secrets that are put into `configuration` when it is sent, and never shown."""
    stream_name: Annotated[str, Field(min_length=1, max_length=1024)]
    """API field stream_name: the destination's stream (table, object, endpoint) that rows go to. Fixed once the sync is
    registered."""
    sync_mode: SyncMode = SyncMode.FULL_REFRESH
    """API field sync_mode: `full_refresh` sends all rows of the model, `incremental` only new and changed ones."""
    sync_interval: Annotated[JsonInt, Field(ge=1, le=5_256_000)] | None = None
    """API field sync_interval: how many units lie between two runs. Needs syncIntervalUnit."""
    sync_interval_unit: IntervalUnit | None = None
    """API field sync_interval_unit: unit of syncInterval."""
    cron_expression: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """API field cron_expression: minute, hour, day of month, month and day of week (0-6 or SUN-SAT) as Kubernetes reads
    them, such as `30 6 * * MON-FRI`, or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. Read in
    timeZone."""
    cursor_field: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """API field cursor_field: the column that tells new rows from old ones in an incremental sync. Fixed once the sync
    is registered."""
    workspace_ref: WorkspaceRef = WorkspaceRef()
    """The Workspace through which the server is reached."""
    external_id: ServerId | None = None
    """Id of an existing sync on the server to take over instead of creating one. Can be set until the sync is
    registered (while status.id is empty), later only to status.id itself."""
    adoption_policy: AdoptionPolicy = AdoptionPolicy.ADOPT_OR_CREATE
    """Whether the first registration takes an equal sync that is on the server already and that nobody claims
    (`AdoptOrCreate`), or always makes one (`Create`). Equal is one that holds every field that is written."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "Etc/UTC"
    """Time zone that cronExpression is read in, an IANA name such as `Europe/Berlin`. Intervals need none. With
    scheduler `Server` the server reads it in UTC."""
    suspend: JsonBool = False
    """True: no scheduled runs until it is false again. Requested runs still work."""
    suspend_reason: Annotated[str, Field(max_length=256)] | None = None
    """Why it is suspended, for people; shown in the conditions."""
    scheduler: Scheduler = Scheduler.CRON_JOB
    """Who starts runs: `CronJob` (a CronJob in this namespace) or `Server` (the sync is registered with its own
    schedule, and its runs are only observed). The server starts to count minutes again each hour, hours each day, and
    days each month, in UTC: status.effectiveSchedule shows the line that it makes of the interval."""
    deletion_policy: DeletionPolicy | None = None
    """Whether deleting this resource deletes the server's sync (`Delete`) or leaves it (`Retain`). Left out, a sync
    that was created here is deleted and one taken over by externalId is left."""
    drift_policy: DriftPolicy = DriftPolicy.CORRECT
    """What to do when somebody changed the sync on the server: put it back (`Correct`), say so (`Report`), or nothing
    (`Ignore`)."""
    run: RunSpec = RunSpec()
    """How runs are started, watched and judged."""
    freshness: FreshnessSpec | None = None
    """A promise about the age of the data, told by condition Fresh."""
