"""Names that the cluster sees: API group, finalizer, annotations, labels. Each is written here once."""

from typing import Final

GROUP: Final = "squared.ai"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
SYNC_KIND: Final = "Sync"
SYNC_PLURAL: Final = "syncs"
WORKSPACE_KIND: Final = "Workspace"
WORKSPACE_PLURAL: Final = "workspaces"
CONNECTOR_KIND: Final = "Connector"
CONNECTOR_PLURAL: Final = "connectors"
MODEL_KIND: Final = "Model"
MODEL_PLURAL: Final = "models"

FIELD_MANAGER: Final = "sync-operator"
FINALIZER: Final = "squared.ai/sync"
CONNECTOR_FINALIZER: Final = "squared.ai/connector"
MODEL_FINALIZER: Final = "squared.ai/model"

CREATE_STARTED_ANNOTATION: Final = "squared.ai/create-started"
"""Annotation of the create fence: ``<RFC 3339 time>/<process uid>``, written with the finalizer."""
CREATE_LOST_ANNOTATION: Final = "squared.ai/create-lost"
"""Annotation: when a create of this Sync, of which nobody knows the outcome, was last found to be so (RFC 3339)."""
CLUSTER_ANNOTATION: Final = "squared.ai/cluster"
"""Annotation on a Sync: uid of the namespace ``kube-system`` of the cluster that it belongs to."""
TAKE_OVER_ANNOTATION: Final = "squared.ai/take-over"
"""Annotation by which a user says, with ``true``, that the cluster a Sync was copied from is gone."""
CONFIRM_SERVER_ANNOTATION: Final = "squared.ai/confirm-server"
"""Annotation on a Workspace: the user's word, a new one each time, to create syncs missing in bulk again."""
RUN_REQUESTED_AT_ANNOTATION: Final = "squared.ai/run-requested-at"
"""Annotation by which a user asks for one run; its value is an opaque token."""
HANDLED_RUN_REQUEST_ANNOTATION: Final = "squared.ai/handled-run-request"
"""Annotation on a Sync: the request that was answered last. Unlike the status it comes back with a backup."""
ANSWERED_RUN_REQUEST_ANNOTATION: Final = "squared.ai/answers-run-request"
"""Annotation on a Job that answers a run request: the token it answers."""
REPORTED_ANNOTATION: Final = "squared.ai/reported"
"""Annotation on a Job whose end the Sync's status has told: the id of its run, or ``true`` where there was none."""

DISCOVER_REQUESTED_AT_ANNOTATION: Final = "squared.ai/discover-requested-at"
"""Annotation on a Connector by which a user asks for a new catalog; its value is an opaque token."""

SYNC_ANNOTATIONS: Final = (
    RUN_REQUESTED_AT_ANNOTATION,
    TAKE_OVER_ANNOTATION,
    HANDLED_RUN_REQUEST_ANNOTATION,
    CREATE_STARTED_ANNOTATION,
    CREATE_LOST_ANNOTATION,
    CLUSTER_ANNOTATION,
)
"""Annotations of ours that a Sync may carry; the first two are for people to set."""
WORKSPACE_ANNOTATIONS: Final = (CONFIRM_SERVER_ANNOTATION,)
"""The same of a Workspace."""
MODEL_ANNOTATIONS: Final = (
    TAKE_OVER_ANNOTATION,
    CREATE_STARTED_ANNOTATION,
    CREATE_LOST_ANNOTATION,
    CLUSTER_ANNOTATION,
)
"""The same of a Model; the first is for people to set."""
CONNECTOR_ANNOTATIONS: Final = (DISCOVER_REQUESTED_AT_ANNOTATION, *MODEL_ANNOTATIONS)
"""The same of a Connector; the first two are for people to set."""
TEMPLATE_ANNOTATION: Final = "squared.ai/template"
"""Annotation on Jobs, by way of their CronJob's template: digest of that template, which tells old Jobs from new."""
START_TIMED_OUT_ANNOTATION: Final = "squared.ai/start-timed-out"
"""Annotation on a Job that did not start within ``spec.run.startTimeout``, and was ended for that: why it did not."""

ALLOW_SYNC: Final = "squared.ai/allow-sync"
"""Label on Secrets whose values ``configurationSecrets`` may send to a server, where the operator asks for it."""

OPERATOR_SHARE: Final = 0.5
"""The operator's part of a Workspace's rate limit (``requestsPerMinute``); run pods, which keep no common count, have
the rest. The field's description, a message of the request gate and the documentation call it half."""

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "sync-operator"
SYNC_LABEL: Final = "squared.ai/sync"
"""Label on CronJobs, Jobs and Pods: the name of the Sync, cut to 63 characters."""
SYNC_NAME: Final = "squared.ai/sync-name"
"""Annotation on CronJobs, Jobs and Pods: the full name of the Sync (a label may be too short for it)."""
APPLIED_ANNOTATION: Final = "squared.ai/applied"
"""Annotation on CronJobs: hash of the manifest that we applied, so that a field we dropped is noticed too."""
SESSION_OF_ANNOTATION: Final = "squared.ai/session-of"
"""Annotation on the token Secret of a login Workspace: a hash of the e-mail address and server that the
token is for."""
LOGGED_IN_AT_ANNOTATION: Final = "squared.ai/logged-in-at"
"""Annotation on the token Secret of a login Workspace: when the token was given."""
LOGIN_REFUSED_ANNOTATION: Final = "squared.ai/login-refused"
"""Annotation on the token Secret of a login Workspace: version of the login Secret that the server refused."""
