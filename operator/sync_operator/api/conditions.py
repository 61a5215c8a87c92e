"""Condition types and reasons: the one list from which conditions and events take their words."""

from enum import StrEnum

__all__ = ["ConditionType", "Reason"]


class ConditionType(StrEnum):
    """Conditions of a Sync, by kstatus rules; a Workspace has `READY` and `COMPARED`."""

    READY = "Ready"
    REGISTERED = "Registered"
    SCHEDULED = "Scheduled"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    RUNS_HEALTHY = "RunsHealthy"
    FRESH = "Fresh"
    COMPARED = "Compared"


class Reason(StrEnum):
    """Why a condition is what it is; an event about the same change carries the same reason."""

    REGISTERED = "Registered"
    ADOPTED = "Adopted"
    SCHEDULED = "Scheduled"
    MANUAL = "Manual"
    SUSPENDED = "Suspended"
    SERVER_SCHEDULED = "ServerScheduled"
    RECONCILED = "Reconciled"
    INVALID_SPEC = "InvalidSpec"
    WORKSPACE_NOT_FOUND = "WorkspaceNotFound"
    WORKSPACE_NOT_READY = "WorkspaceNotReady"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    REJECTED = "Rejected"
    CATALOG_MISSING = "CatalogMissing"
    SERVER_UNAVAILABLE = "ServerUnavailable"
    THROTTLED = "Throttled"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    CONFLICT = "Conflict"
    DRIFT_CORRECTED = "DriftCorrected"
    DRIFT_FOUND = "DriftFound"
    RECREATED = "Recreated"
    EXTERNAL_NOT_FOUND = "ExternalNotFound"
    WORKSPACE_CHANGED = "WorkspaceChanged"
    SERVER_RESET = "ServerReset"
    CLUSTER_CHANGED = "ClusterChanged"
    DUPLICATE_FOUND = "DuplicateFound"
    CRON_JOB_REJECTED = "CronJobRejected"
    COMPARE_FAILED = "CompareFailed"
    RUN_NOT_STARTED = "RunNotStarted"
    RUN_MISSED = "RunMissed"
    RUN_STARTED = "RunStarted"
    RUN_SUCCEEDED = "RunSucceeded"
    ROWS_REJECTED = "RowsRejected"
    RUN_FAILED = "RunFailed"
    RUN_CANCELED = "RunCanceled"
    RUN_SKIPPED = "RunSkipped"
    DELETE_FAILED = "DeleteFailed"
    DELETED = "Deleted"
    RETAINED = "Retained"
