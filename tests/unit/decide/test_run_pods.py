"""What a Sync may ask for its run pods, by the operator's rules."""

from typing import Any

import pytest
from tests.support.pictures import connected, marked, pictured, registered, synced

from sync_operator.decide.actions import ApplyCronJob
from sync_operator.decide.blocking import registration_obstacle
from sync_operator.decide.picture import Deployment
from sync_operator.decide.run_pods import pod_refusal
from sync_operator.decide.scheduling import scheduling_obstacle, scheduling_step
from sync_operator.model.conditions import Reason
from sync_operator.model.run import PodSpec
from sync_operator.settings import RunPodRules

NONE = RunPodRules()
OPEN = RunPodRules(("*",), ("*",), ("*",), ("*",), control_plane=True)
INJECT: dict[str, Any] = {"annotations": {"sidecar.istio.io/proxyImage": "evil"}}
MASTER: dict[str, Any] = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}


def refused(pod: dict[str, Any], rules: RunPodRules) -> str:
    error = pod_refusal(PodSpec.model_validate(pod), rules)
    return str(error) if error is not None else ""


@pytest.mark.parametrize(
    ("pod", "rules"),
    [
        ({}, NONE),
        ({"resources": {"limits": {"cpu": 1}}, "imagePullSecrets": [{"name": "pull"}]}, NONE),
        ({"nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "spot", "operator": "Exists"}]}, NONE),
        ({"tolerations": [{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}]}, NONE),
        ({"serviceAccountName": "default"}, NONE),
        ({"serviceAccountName": "runs"}, RunPodRules(service_accounts=("runs",))),
        ({"priorityClassName": "low"}, RunPodRules(priority_classes=("low",))),
        ({"priorityClassName": "low"}, RunPodRules(priority_classes=("*",))),
        ({"priorityClassName": "system-node-critical"}, RunPodRules(priority_classes=("system-node-critical",))),
        ({"labels": {"team": "x", "example.com/a": "b"}}, RunPodRules(label_prefixes=("team", "example.com/"))),
        ({"annotations": {"example.com/a": "b"}}, RunPodRules(annotation_prefixes=("example.com/",))),
        (INJECT | {"serviceAccountName": "any", "labels": {"a": "b"}, "tolerations": [MASTER]}, OPEN),
    ],
)
def test_these_pods_may_be(pod: dict[str, Any], rules: RunPodRules) -> None:
    assert refused(pod, rules) == ""


@pytest.mark.parametrize(
    ("pod", "rules", "field", "value"),
    [
        ({"serviceAccountName": "admin"}, NONE, "serviceAccountName: admin", "allowedServiceAccounts"),
        ({"serviceAccountName": "admin"}, RunPodRules(("runs",)), "serviceAccountName: admin", "SERVICE_ACCOUNTS"),
        ({"priorityClassName": "low"}, NONE, "priorityClassName: low", "allowedPriorityClasses"),
        ({"priorityClassName": "system-node-critical"}, OPEN, "priorityClassName: system", "PRIORITY_CLASSES"),
        ({"labels": {"azure.workload.identity/use": "true"}}, NONE, "labels: azure", "allowedLabelPrefixes"),
        ({"labels": {"teams": "a"}}, RunPodRules(label_prefixes=("team/",)), "labels: teams", "LABEL_PREFIXES"),
        (INJECT, NONE, "annotations: sidecar.istio.io/proxyImage", "allowedAnnotationPrefixes"),
        (INJECT, RunPodRules(label_prefixes=("*",)), "annotations: sidecar.istio.io", "ANNOTATION_PREFIXES"),
        ({"tolerations": [{"key": "a"}, MASTER]}, NONE, "tolerations[1]: node-role", "allowControlPlane"),
        ({"tolerations": [{"operator": "Exists"}]}, NONE, "tolerations[0]: every taint", "CONTROL_PLANE"),
        ({"nodeSelector": {"node-role.kubernetes.io/master": ""}}, NONE, "nodeSelector: node-role", "CONTROL_PLANE"),
    ],
)
def test_these_are_refused_with_the_field_and_the_setting(
    pod: dict[str, Any], rules: RunPodRules, field: str, value: str
) -> None:
    said = refused(pod, rules)

    assert said.startswith(f"spec.run.pod.{field}")
    assert value in said


def test_a_sync_with_a_refused_pod_is_neither_registered_nor_scheduled() -> None:
    fresh = pictured(synced(run={"pod": INJECT}), workspace=connected())
    known = pictured(synced(status=registered(), metadata=marked(), run={"pod": INJECT}), workspace=connected())

    for picture in (fresh, known):
        obstacle = registration_obstacle(picture)
        assert obstacle is not None
        assert (obstacle.reason, obstacle.stalled) == (Reason.INVALID_SPEC, True)
        assert scheduling_obstacle(picture) == obstacle
        assert scheduling_step(picture) is None


def test_an_admin_opens_it() -> None:
    allowed = Deployment("runner:1", run_pods=RunPodRules(annotation_prefixes=("sidecar.istio.io/",)))
    sync = synced(status=registered(), metadata=marked(), run={"pod": INJECT})
    step = scheduling_step(pictured(sync, workspace=connected(), deployment=allowed))

    assert isinstance(step, ApplyCronJob)
    template = step.manifest["spec"]["jobTemplate"]["spec"]["template"]
    assert template["metadata"]["annotations"]["sidecar.istio.io/proxyImage"] == "evil"
