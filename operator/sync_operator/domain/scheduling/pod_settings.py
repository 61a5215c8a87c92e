"""Limits on what a Sync may set for its run pods, from the operator's settings; and the defaults of run pods.

The operator creates these pods with its own permissions in the tenant's namespace. Without limits, a user who may write
Syncs could give a pod privileges that RBAC and the cluster's webhooks deny to that user.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from sync_operator.api.kinds.run import PodDefaults, PodSpec, Resources, Toleration
from sync_operator.errors import InvalidSpecError
from sync_operator.settings import RunPodRules

__all__ = ["pod_refusal", "with_defaults"]

_CONTROL_PLANE: Final = frozenset({"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"})
_SYSTEM: Final = "system-"
"""Prefix of Kubernetes' own priority classes, which preempt all other pods of a node."""


def pod_refusal(pod: PodSpec, rules: RunPodRules) -> InvalidSpecError | None:
    """The error for the first value in ``spec.run.pod`` that the rules do not allow, with the setting that would."""
    return next(_refusals(pod, rules), None)


def with_defaults(pod: PodSpec, defaults: PodDefaults) -> PodSpec:
    """A Sync's pod settings merged over the defaults: maps key by key, other fields as a whole."""
    own, given = pod.resources or Resources(), defaults.resources or Resources()
    resources = {
        name: {**(getattr(given, name) or {}), **(getattr(own, name) or {})} or None for name in Resources.model_fields
    }
    return pod.model_copy(
        update={
            "resources": own.model_copy(update=resources),
            "node_selector": {**defaults.node_selector, **pod.node_selector},
            "tolerations": pod.tolerations or defaults.tolerations,
            "labels": {**defaults.labels, **pod.labels},
            "annotations": {**defaults.annotations, **pod.annotations},
            "priority_class_name": pod.priority_class_name or defaults.priority_class_name,
        }
    )


def _refusals(pod: PodSpec, rules: RunPodRules) -> Iterator[InvalidSpecError]:
    account, priority = pod.service_account_name, pod.priority_class_name
    if account not in {None, "default"} and not {account, "*"} & set(rules.service_accounts):
        yield _refused("serviceAccountName", account, "SERVICE_ACCOUNTS", "allowedServiceAccounts")
    if priority is not None and not _allows_class(priority, rules.priority_classes):
        yield _refused("priorityClassName", priority, "PRIORITY_CLASSES", "allowedPriorityClasses")
    yield from _keys("labels", pod.labels, rules.label_prefixes, "LABEL_PREFIXES", "allowedLabelPrefixes")
    yield from _keys(
        "annotations", pod.annotations, rules.annotation_prefixes, "ANNOTATION_PREFIXES", "allowedAnnotationPrefixes"
    )
    if not rules.control_plane:
        for key in sorted(_CONTROL_PLANE & set(pod.node_selector)):
            yield _refused("nodeSelector", key, "CONTROL_PLANE", "allowControlPlane")
        for number, toleration in enumerate(pod.tolerations):
            if _reaches_control_plane(toleration):
                words = toleration.key or "every taint"
                yield _refused(f"tolerations[{number}]", words, "CONTROL_PLANE", "allowControlPlane")


def _keys(
    field: str, keys: Iterable[str], prefixes: tuple[str, ...], variable: str, value: str
) -> Iterator[InvalidSpecError]:
    for key in sorted(keys):
        if not any(prefix == "*" or key.startswith(prefix) for prefix in prefixes):
            yield _refused(field, key, variable, value)


def _allows_class(name: str, allowed: tuple[str, ...]) -> bool:
    return name in allowed or ("*" in allowed and not name.startswith(_SYSTEM))


def _reaches_control_plane(toleration: Toleration) -> bool:
    """True if it tolerates the control plane's taint or every taint; effect NoExecute lets no pod onto a node."""
    return (toleration.key or "") in {"", *_CONTROL_PLANE} and toleration.effect != "NoExecute"


def _refused(field: str, what: str | None, variable: str, value: str) -> InvalidSpecError:
    return InvalidSpecError(
        f"spec.run.pod.{field}",
        f"{what} is not allowed for run pods; leave it out, or have whoever runs the operator allow it in "
        f"SYNC_OPERATOR_RUN_POD_{variable} (chart value runPods.{value})",
    )
