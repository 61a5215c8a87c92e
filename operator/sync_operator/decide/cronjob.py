"""The CronJob that a Sync asks for, as the manifest we apply. Pure: the same picture gives the same bytes."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sync_operator.decide.identity import registered_at
from sync_operator.decide.picture import Picture, SyncView
from sync_operator.decide.run_pods import with_defaults
from sync_operator.durations import format_duration, parse_duration
from sync_operator.model.base import rfc3339
from sync_operator.model.names import (
    ANSWERED_RUN_REQUEST,
    API_VERSION,
    APPLIED,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SYNC_KIND,
    SYNC_LABEL,
    SYNC_NAME,
    TEMPLATE,
)
from sync_operator.model.sync import PodSpec, SyncSpec

__all__ = ["cronjob_manifest", "cronjob_name", "hashed_name", "requested_job", "sync_label"]

_CRONJOB_NAME_LIMIT: Final = 52
_LABEL_LIMIT: Final = 63
_NEVER: Final = "0 0 31 2 *"
"""A line that never fires, for a CronJob that only serves requested runs."""
_CANCEL_GRACE: Final = 120
"""Seconds the runner has in each try, beside its own timeout, to be started and to cancel the run."""
_MAX_DEADLINE: Final = 2**31 - 1
"""What the CronJob controller takes as a number of seconds."""
_PROXY_KEYS: Final = (("HTTPS_PROXY", False), ("HTTP_PROXY", True), ("NO_PROXY", True))
"""Keys of the proxy Secret, and whether a run may begin without."""
_POD_FAILURES: Final = [
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    {"action": "Ignore", "onExitCodes": {"containerName": "runner", "operator": "In", "values": [143]}},
    {"action": "FailJob", "onExitCodes": {"containerName": "runner", "operator": "In", "values": [2, 4]}},
]
"""Told to stop, a pod is replaced and the next one follows the run; refused or canceled, a retry changes nothing."""
_TOKEN_FOLDER: Final = "/var/run/secrets/sync-operator/token"  # noqa: S105 (a path)
_CA_FOLDER: Final = "/var/run/secrets/sync-operator/ca"
_TERMINATION_LOG: Final = "/dev/termination-log"


def hashed_name(name: str, limit: int) -> str:
    """The name, or when it is too long, as much of it as fits followed by a hash of the whole."""
    if len(name) <= limit:
        return name
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-.')}-{digest}"


def cronjob_name(sync_name: str) -> str:
    """Name of the CronJob of a Sync (Kubernetes allows it 52 characters)."""
    return hashed_name(sync_name, _CRONJOB_NAME_LIMIT)


def sync_label(sync_name: str) -> str:
    """Value of the label that names the Sync on its CronJob, Jobs and Pods."""
    return hashed_name(sync_name, _LABEL_LIMIT)


def cronjob_manifest(picture: Picture, sync_id: str, *, suspended: bool) -> dict[str, Any]:
    """The whole CronJob as applied server-side.

    Args:
        picture: with a valid spec and a Workspace whose dialect is known.
        sync_id: the server's id, which the run pod triggers.
        suspended: True for a CronJob that fires by request only.
    """
    sync, spec = picture.sync, picture.sync.spec
    if spec is None or sync.schedule is None:
        raise ValueError("a CronJob needs a valid spec")
    labels = _labels(sync)
    annotations = {SYNC_NAME: sync.name}
    pod = with_defaults(spec.run.pod, picture.deployment.pod_defaults)
    template: dict[str, Any] = {
        "backoffLimit": spec.run.retries,
        "podFailurePolicy": {"rules": _POD_FAILURES},
        "template": {
            "metadata": {
                "labels": {**pod.labels, **labels},
                "annotations": {**pod.annotations, **annotations},
            },
            "spec": _pod_spec(picture, spec, pod, sync_id),
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
            "metadata": {"labels": labels, "annotations": {**annotations, TEMPLATE: _digest(template)}},
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
    manifest["metadata"]["annotations"] = {**annotations, APPLIED: _digest(manifest)}
    return manifest


def requested_job(
    cronjob: Mapping[str, Any], sync: SyncView, token: str, at: datetime, *, instead: str = ""
) -> dict[str, Any]:
    """A Job made from the CronJob for one run request; its name follows from the token, so it is made once.

    With ``instead`` it takes the place of one that never started, which has another name.

    It tells its pods since when there is the request: a pod that replaces another follows that one's run instead of
    making a second. It belongs to the Sync: the CronJob controller warns of Jobs of a CronJob that it did not make. Its
    deadline leaves time to wait for a run that is under way.
    """
    metadata = cronjob["metadata"]
    template = deepcopy(cronjob["spec"]["jobTemplate"])
    for container in template["spec"]["template"]["spec"]["containers"]:
        container.setdefault("env", []).append(
            {"name": "SYNC_RUN_SINCE", "value": at.isoformat(timespec="milliseconds")}
        )
    spec, digest = template["spec"], sha256(f"{token}{instead}".encode()).hexdigest()[:10]
    if "activeDeadlineSeconds" in spec:
        longest = spec["activeDeadlineSeconds"]
        spec["activeDeadlineSeconds"] = min(longest + longest // (spec.get("backoffLimit", 0) + 1), _MAX_DEADLINE)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata["namespace"],
            "labels": dict(template["metadata"].get("labels", {})),
            "annotations": {
                **template["metadata"].get("annotations", {}),
                "cronjob.kubernetes.io/instantiate": "manual",
                ANSWERED_RUN_REQUEST: token,
            },
            "ownerReferences": [
                {"apiVersion": API_VERSION, "kind": SYNC_KIND, "name": sync.name, "uid": sync.uid, "controller": True}
            ],
        },
        "spec": spec,
    }


def _digest(manifest: Mapping[str, Any]) -> str:
    return sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]


def _labels(sync: SyncView) -> dict[str, str]:
    return {MANAGED_BY_LABEL: MANAGED_BY, SYNC_LABEL: sync_label(sync.name)}


def _pod_spec(picture: Picture, spec: SyncSpec, pod: PodSpec, sync_id: str) -> dict[str, Any]:
    deployment = picture.deployment
    volumes, mounts = _secret_volumes(picture)
    container: dict[str, Any] = {
        "name": "runner",
        "image": deployment.image,
        "args": ["runner", "--termination-message", _TERMINATION_LOG],
        "env": _environment(picture, spec, sync_id),
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
    pull_secrets = [*deployment.pull_secrets, *(entry.name for entry in pod.image_pull_secrets)]
    optional: dict[str, Any] = {
        "imagePullSecrets": [{"name": name} for name in dict.fromkeys(pull_secrets)],
        "nodeSelector": dict(pod.node_selector),
        "tolerations": [entry.model_dump(by_alias=True, exclude_none=True) for entry in pod.tolerations],
        "affinity": dict(deployment.pod_defaults.affinity),
        # Named always: one that is left out would be put back from `serviceAccount`, the API server's copy of it.
        "serviceAccountName": pod.service_account_name or "default",
        "priorityClassName": pod.priority_class_name,
    }
    return result | {name: value for name, value in optional.items() if value}


def _environment(picture: Picture, spec: SyncSpec, sync_id: str) -> list[dict[str, Any]]:
    workspace, made = picture.workspace, registered_at(picture)
    values: dict[str, str | None] = {
        "SYNC_ID": sync_id,
        "SYNC_REGISTERED_AT": rfc3339(made) if made is not None else None,
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
    listed.extend({"name": name, "value": value} for name, value in picture.deployment.environment)
    secret = picture.deployment.proxy_secret
    if secret:
        keys = [(name, {"name": secret, "key": name, "optional": optional}) for name, optional in _PROXY_KEYS]
        listed.extend({"name": name, "valueFrom": {"secretKeyRef": key}} for name, key in keys)
    return listed


def _secret_volumes(picture: Picture) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    wanted = (
        ("token", picture.workspace.token_secret, _TOKEN_FOLDER, "token"),
        ("ca", picture.workspace.ca_secret, _CA_FOLDER, "ca.crt"),
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
