"""Names that the cluster sees: API group, finalizer, annotations, labels. Each is written here once."""

from typing import Final

GROUP: Final = "squared.ai"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
SYNC_KIND: Final = "Sync"
SYNC_PLURAL: Final = "syncs"
WORKSPACE_KIND: Final = "Workspace"
WORKSPACE_PLURAL: Final = "workspaces"

FIELD_MANAGER: Final = "sync-operator"
FINALIZER: Final = "squared.ai/sync"

CREATE_STARTED: Final = "squared.ai/create-started"
"""Annotation of the create fence: ``<RFC 3339 time>/<process uid>``, written with the finalizer."""
RUN_REQUESTED_AT: Final = "squared.ai/run-requested-at"
"""Annotation by which a user asks for one run; its value is an opaque token."""
ANSWERED_RUN_REQUEST: Final = "squared.ai/answers-run-request"
"""Annotation on a Job that answers a run request: the token it answers."""
REPORTED: Final = "squared.ai/reported"
"""Annotation on a Job whose end the Sync's status has told."""

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "sync-operator"
SYNC_LABEL: Final = "squared.ai/sync"
"""Label on CronJobs, Jobs and Pods: the name of the Sync, cut to 63 characters."""
SYNC_NAME: Final = "squared.ai/sync-name"
"""Annotation on CronJobs, Jobs and Pods: the full name of the Sync (a label may be too short for it)."""
APPLIED: Final = "squared.ai/applied"
"""Annotation on CronJobs: hash of the manifest that we applied, so that a field we dropped is noticed too."""
