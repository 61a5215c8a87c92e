"""What a Sync may ask for its run pods, by the operator's rules."""

from typing import Any

import pytest
from tests.support.messages import Messages
from tests.support.snapshots import connected, marked, pictured, registered, synced

from sync_operator.api.kinds.run import PodSpec
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.actions import ApplyCronJob
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.scheduling.pod_settings import pod_refusal
from sync_operator.domain.scheduling.scheduling_step import scheduling_blocker, scheduling_step
from sync_operator.domain.snapshot import RunnerConfig
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
    ("pod", "rules", "field"),
    [
        ({"serviceAccountName": "admin"}, NONE, "serviceAccountName"),
        ({"serviceAccountName": "admin"}, RunPodRules(("runs",)), "serviceAccountName"),
        ({"priorityClassName": "low"}, NONE, "priorityClassName"),
        ({"priorityClassName": "system-node-critical"}, OPEN, "priorityClassName"),
        ({"labels": {"azure.workload.identity/use": "true"}}, NONE, "labels"),
        ({"labels": {"teams": "a"}}, RunPodRules(label_prefixes=("team/",)), "labels"),
        (INJECT, NONE, "annotations"),
        (INJECT, RunPodRules(label_prefixes=("*",)), "annotations"),
        ({"tolerations": [{"key": "a"}, MASTER]}, NONE, "tolerations[1]"),
        ({"tolerations": [{"operator": "Exists"}]}, NONE, "tolerations[0]"),
        ({"nodeSelector": {"node-role.kubernetes.io/master": ""}}, NONE, "nodeSelector"),
    ],
)
def test_these_are_refused_with_the_field_and_the_setting(
    pod: dict[str, Any], rules: RunPodRules, field: str, messages: Messages
) -> None:
    said = refused(pod, rules)

    assert said.startswith(f"spec.run.pod.{field}: ")
    messages.text("InvalidSpec", said)


def test_a_sync_with_a_refused_pod_is_neither_registered_nor_scheduled() -> None:
    fresh = pictured(synced(run={"pod": INJECT}), workspace=connected())
    known = pictured(synced(status=registered(), metadata=marked(), run={"pod": INJECT}), workspace=connected())

    for snapshot in (fresh, known):
        blocker = registration_blocker(snapshot)
        assert blocker is not None
        assert (blocker.reason, blocker.stalled) == (Reason.INVALID_SPEC, True)
        assert scheduling_blocker(snapshot) == blocker
        assert scheduling_step(snapshot) is None


def test_an_admin_opens_it() -> None:
    allowed = RunnerConfig("runner:1", run_pods=RunPodRules(annotation_prefixes=("sidecar.istio.io/",)))
    sync = synced(status=registered(), metadata=marked(), run={"pod": INJECT})
    step = scheduling_step(pictured(sync, workspace=connected(), runner_config=allowed))

    assert isinstance(step, ApplyCronJob)
    template = step.manifest["spec"]["jobTemplate"]["spec"]["template"]
    assert template["metadata"]["annotations"]["sidecar.istio.io/proxyImage"] == "evil"
