"""The manifest of a Sync's CronJob, as it is applied. Pure: the same snapshot gives the same bytes."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sync_operator.api.base import rfc3339_fraction
from sync_operator.api.constants import (
    ANSWERED_RUN_REQUEST_ANNOTATION,
    API_VERSION,
    APPLIED_ANNOTATION,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SYNC_KIND,
    SYNC_LABEL,
    SYNC_NAME,
    TEMPLATE_ANNOTATION,
)
from sync_operator.api.kinds.sync import PodSpec, SyncSpec
from sync_operator.domain.identity.resource_identity import registered_at
from sync_operator.domain.scheduling.pod_settings import with_defaults
from sync_operator.domain.snapshot import Snapshot, SyncView
from sync_operator.util.durations import format_duration, parse_duration

__all__ = ["cronjob_manifest", "cronjob_name", "hashed_name", "requested_job", "requested_job_name", "sync_label"]

_CRONJOB_NAME_LIMIT: Final = 52
_LABEL_LIMIT: Final = 63
_NEVER: Final = "0 0 31 2 *"
"""A cron expression that never fires (31 February), for a CronJob that only serves run requests."""
_CANCEL_GRACE: Final = 120
"""Seconds that each attempt of the runner has beyond its own timeout, to be started and to cancel the run."""
_MAX_DEADLINE: Final = 2**31 - 1
"""Maximum number of seconds that the CronJob controller accepts."""
_PROXY_KEYS: Final = (("HTTPS_PROXY", False), ("HTTP_PROXY", True), ("NO_PROXY", True))
"""Keys of the proxy Secret, and whether each is optional."""
_POD_FAILURES: Final = [
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    {"action": "Ignore", "onExitCodes": {"containerName": "runner", "operator": "In", "values": [143]}},
    {"action": "FailJob", "onExitCodes": {"containerName": "runner", "operator": "In", "values": [2, 4]}},
]
"""A disrupted or terminated pod (exit code 143) is replaced without using up a retry, and the next one follows the run.

After exit codes 2 and 4 (run refused or canceled) a retry would change nothing, so the Job fails.
"""
_TOKEN_FOLDER: Final = "/var/run/secrets/sync-operator/token"  # noqa: S105 (a path)
_CA_FOLDER: Final = "/var/run/secrets/sync-operator/ca"
_TERMINATION_LOG: Final = "/dev/termination-log"


def hashed_name(name: str, limit: int) -> str:
    """The name; if it is longer than ``limit``, truncated and followed by a hash of the whole name."""
    if len(name) <= limit:
        return name
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-.')}-{digest}"


def cronjob_name(sync_name: str) -> str:
    """Name of the CronJob of a Sync (Kubernetes allows 52 characters)."""
    return hashed_name(sync_name, _CRONJOB_NAME_LIMIT)


def sync_label(sync_name: str) -> str:
    """Value of the label that names the Sync on its CronJob, Jobs and Pods."""
    return hashed_name(sync_name, _LABEL_LIMIT)


def cronjob_manifest(snapshot: Snapshot, sync_id: str, *, suspended: bool) -> dict[str, Any]:
    """The whole CronJob for a server-side apply.

    Args:
        snapshot: snapshot with a valid spec and a Workspace whose dialect is known.
        sync_id: the server's id of the sync that the run pod triggers.
        suspended: True for a CronJob that only serves run requests.
    """
    sync, spec = snapshot.sync, snapshot.sync.spec
    if spec is None or sync.schedule is None:
        raise ValueError("a CronJob needs a valid spec")
    labels = _labels(sync)
    annotations = {SYNC_NAME: sync.name}
    pod = with_defaults(spec.run.pod, snapshot.runner_config.pod_defaults)
    template: dict[str, Any] = {
        "backoffLimit": spec.run.retries,
        "podFailurePolicy": {"rules": _POD_FAILURES},
        "template": {
            "metadata": {
                "labels": {**pod.labels, **labels},
                "annotations": {**pod.annotations, **annotations},
            },
            "spec": _pod_spec(snapshot, spec, pod, sync_id),
        },
    }
    if spec.run.timeout:
        one_try = int(parse_duration(spec.run.timeout).total_seconds()) + _CANCEL_GRACE
        template["activeDeadlineSeconds"] = min(one_try * (spec.run.retries + 1), _MAX_DEADLINE)
    body: dict[str, Any] = {
        "schedule": sync.schedule.expression or _NEVER,
        "timeZone": sync.schedule.time_zone,
        "concurrencyPolicy": "Forbid",
        "suspend": suspended,
        "successfulJobsHistoryLimit": spec.run.successful_history,
        "failedJobsHistoryLimit": spec.run.failed_history,
        "jobTemplate": {
            "metadata": {"labels": labels, "annotations": {**annotations, TEMPLATE_ANNOTATION: _digest(template)}},
            "spec": template,
        },
    }
    if sync.schedule.expression is not None and not sync.schedule.expression.startswith("@every"):
        body["startingDeadlineSeconds"] = spec.run.starting_deadline_seconds
    manifest: dict[str, Any] = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": cronjob_name(sync.name),
            "namespace": sync.namespace,
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": SYNC_KIND,
                    "name": sync.name,
                    "uid": sync.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": body,
    }
    manifest["metadata"]["annotations"] = {**annotations, APPLIED_ANNOTATION: _digest(manifest)}
    return manifest


def requested_job(
    cronjob: Mapping[str, Any], sync: SyncView, token: str, at: datetime, *, instead: str = ""
) -> dict[str, Any]:
    """A Job from the CronJob's template for one run request; its name is derived from the token, so it is created once.

    The time of the request (``at``) is passed to its pods: a replacement pod follows the run of the pod before instead
    of triggering a second one. Its owner is the Sync, because the CronJob controller warns about Jobs of a CronJob that
    it did not create. Its deadline is longer than that of a scheduled Job, to wait for an active run.

    With ``instead`` (digest of the current template) it replaces a Job that never started, and has another name.
    """
    metadata = cronjob["metadata"]
    template = deepcopy(cronjob["spec"]["jobTemplate"])
    for container in template["spec"]["template"]["spec"]["containers"]:
        container.setdefault("env", []).append(
            {"name": "SYNC_RUN_SINCE", "value": at.isoformat(timespec="milliseconds")}
        )
    spec = template["spec"]
    if "activeDeadlineSeconds" in spec:
        longest = spec["activeDeadlineSeconds"]
        spec["activeDeadlineSeconds"] = min(longest + longest // (spec.get("backoffLimit", 0) + 1), _MAX_DEADLINE)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": requested_job_name(metadata["name"], f"{token}{instead}"),
            "namespace": metadata["namespace"],
            "labels": dict(template["metadata"].get("labels", {})),
            "annotations": {
                **template["metadata"].get("annotations", {}),
                "cronjob.kubernetes.io/instantiate": "manual",
                ANSWERED_RUN_REQUEST_ANNOTATION: token,
            },
            "ownerReferences": [
                {"apiVersion": API_VERSION, "kind": SYNC_KIND, "name": sync.name, "uid": sync.uid, "controller": True}
            ],
        },
        "spec": spec,
    }


def requested_job_name(cronjob: str, token: str) -> str:
    """Name of the first Job that answers a run request."""
    return f"{cronjob}-{sha256(token.encode()).hexdigest()[:10]}"


def _digest(manifest: Mapping[str, Any]) -> str:
    return sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]


def _labels(sync: SyncView) -> dict[str, str]:
    return {MANAGED_BY_LABEL: MANAGED_BY, SYNC_LABEL: sync_label(sync.name)}


def _pod_spec(snapshot: Snapshot, spec: SyncSpec, pod: PodSpec, sync_id: str) -> dict[str, Any]:
    runner_config = snapshot.runner_config
    volumes, mounts = _secret_volumes(snapshot)
    container: dict[str, Any] = {
        "name": "runner",
        "image": runner_config.image,
        "args": ["runner", "--termination-message", _TERMINATION_LOG],
        "env": _environment(snapshot, spec, sync_id),
        "terminationMessagePath": _TERMINATION_LOG,
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    resources = pod.resources.model_dump(by_alias=True, exclude_none=True) if pod.resources else {}
    if resources:
        container["resources"] = resources
    result: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": volumes,
    }
    pull_secrets = [*runner_config.pull_secrets, *(entry.name for entry in pod.image_pull_secrets)]
    optional: dict[str, Any] = {
        "imagePullSecrets": [{"name": name} for name in dict.fromkeys(pull_secrets)],
        "nodeSelector": dict(pod.node_selector),
        "tolerations": [entry.model_dump(by_alias=True, exclude_none=True) for entry in pod.tolerations],
        "affinity": dict(runner_config.pod_defaults.affinity),
        # Always set: if omitted, the API server would restore it from `serviceAccount`, its deprecated copy.
        "serviceAccountName": pod.service_account_name or "default",
        "priorityClassName": pod.priority_class_name,
    }
    return result | {name: value for name, value in optional.items() if value}


def _environment(snapshot: Snapshot, spec: SyncSpec, sync_id: str) -> list[dict[str, Any]]:
    workspace, made = snapshot.workspace, registered_at(snapshot)
    values: dict[str, str | None] = {
        "SYNC_ID": sync_id,
        "SYNC_REGISTERED_AT": rfc3339_fraction(made) if made is not None else None,
        "SYNC_API_URL": workspace.url,
        "SYNC_API_WORKSPACE_ID": workspace.workspace_id,
        "SYNC_API_DIALECT": workspace.dialect.value if workspace.dialect else None,
        "SYNC_API_TOKEN_FILE": f"{_TOKEN_FOLDER}/token" if workspace.token_secret else None,
        "SYNC_API_CA_FILE": f"{_CA_FOLDER}/ca.crt" if workspace.ca_secret else None,
        "SYNC_MAX_FAILED_ROWS_PERCENT": f"{spec.run.max_failed_rows_percent:g}",
        "SYNC_RUN_RETRIES": str(spec.run.retries) if spec.run.retries else None,
        "SYNC_RUN_TIMEOUT": format_duration(parse_duration(spec.run.timeout)) if spec.run.timeout else None,
    }
    listed: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in values.items() if value]
    job_name = "metadata.labels['batch.kubernetes.io/job-name']"
    listed.append({"name": "SYNC_RUN_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": job_name}}})
    listed.extend({"name": name, "value": value} for name, value in snapshot.runner_config.environment)
    secret = snapshot.runner_config.proxy_secret
    if secret:
        keys = [(name, {"name": secret, "key": name, "optional": optional}) for name, optional in _PROXY_KEYS]
        listed.extend({"name": name, "valueFrom": {"secretKeyRef": key}} for name, key in keys)
    return listed


def _secret_volumes(snapshot: Snapshot) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    wanted = (
        ("token", snapshot.workspace.token_secret, _TOKEN_FOLDER, "token"),
        ("ca", snapshot.workspace.ca_secret, _CA_FOLDER, "ca.crt"),
    )
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    for name, secret, folder, file in wanted:
        if secret is not None:
            secret_name, key = secret
            items = [{"key": key, "path": file}]
            volumes.append({"name": name, "secret": {"secretName": secret_name, "items": items}})
            mounts.append({"name": name, "mountPath": folder, "readOnly": True})
    return volumes, mounts
