"""Runs that do not start, for reasons that a real API server and its controllers give."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
from tests.support.admission import bind, broken_webhook, mutating, validating
from tests.support.plane import Kube, Refusal
from tests.support.restricted import RESTRICTED
from tests.support.running import eventually
from tests.support.syncs import Tenant, condition
from tests.support.unstarted import SPOILED, spoiled

from sync_operator.api.constants import SYNC_KIND

SMALL: Final = {"limits": {"memory": "64Mi"}}
REFUSED: Final[dict[str, tuple[dict[str, Any], str, str]]] = {
    "account": ({"serviceAccountName": "absent"}, 'serviceaccount "absent" not found', "run.pod.serviceAccountName"),
    "priority": ({"priorityClassName": "absent"}, "no PriorityClass with name absent", "run.pod.priorityClassName"),
    "quota": ({}, "must specify limits.memory for: runner", "spec.run.pod.resources"),
    "limits": ({"resources": {"limits": {"memory": "1Mi"}}}, "minimum memory usage per Container", "LimitRange"),
    "security": (
        {"resources": SMALL},
        'violates PodSecurity "restricted:latest": privileged (container "mesh"',
        "adds to pods",
    ),
    "policy": ({"resources": SMALL}, "denied request: no label team", "have that policy allow it"),
    "webhook": ({"resources": SMALL}, 'failed calling webhook "absent.example.com"', "Have that webhook repaired"),
    "node": ({"nodeSelector": {"no": "such"}, "resources": SMALL}, "Unschedulable: 0/1 nodes", "nodeSelector"),
}
"""By name of a Sync: what it asks for its pods, the cluster's words, and what the remedy names."""

OF_THE_NODE: Final = {
    "image": (r"ErrImageNeverPull: .*absent:1", "chart value image"),
    "config": (r'CreateContainerConfigError: .*"absent" not found', "put back what is missing"),
    "mount": (r'FailedMount: .*"absent" not found', "put back what is missing"),
}
"""The same of pods that the node cannot start; tests/e2e has the words of a real kubelet."""

MESH: Final = """Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: "mesh", image: "mesh",
securityContext: Object.spec.initContainers.securityContext{privileged: true}}]}}"""
"""What a service mesh adds to pods."""


_RESTRICTED_CONTAINER: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.fixture
def strict(kube: Kube, tenant: Tenant) -> Iterator[None]:
    """A namespace that enforces Pod Security, with a mesh, a policy and a webhook: each stops the pods of one Sync."""
    kube.core.patch_namespace(tenant.namespace, {"metadata": {"labels": RESTRICTED}})

    def pods(name: str) -> tuple[str, str]:
        job = "object.metadata.labels[?'batch.kubernetes.io/job-name'].orValue('')"
        return f"object.metadata.namespace == '{tenant.namespace}'", f"{job}.startsWith('{name}')"

    suffix = tenant.namespace
    with ExitStack() as undo:
        for one in (
            mutating(f"mesh-{suffix}", "pods", MESH, *pods("security")),
            validating(f"team-{suffix}", "pods", "'team' in object.metadata.labels", "no label team", *pods("policy")),
            broken_webhook(f"absent-{suffix}", "pods", *pods("webhook")),
        ):
            for resource, name in bind(kube, one):
                undo.callback(resource.delete, name=name)
        # What is bound is in force a moment later.
        eventually(lambda: not is_refused(tenant, "any"), "the namespace to take pods")
        for stopped in ("security", "policy", "webhook"):
            eventually(lambda name=stopped: is_refused(tenant, name), f"pods of {stopped} to be refused")  # type: ignore[misc]
        yield


def is_refused(tenant: Tenant, name: str) -> bool:
    """Whether the API server would refuse a pod of a Job whose name begins so, though it asks for nothing special."""
    labels = {"batch.kubernetes.io/job-name": f"{name}-probe"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-probe", "labels": labels},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "probe", "image": "probe", "securityContext": _RESTRICTED_CONTAINER}],
        },
    }
    try:
        tenant.kube.create(pod, tenant.namespace, dry_run=True)
    except Refusal:
        return True
    return False


def limit(tenant: Tenant, kind: str, **spec: Any) -> None:
    """Make a ResourceQuota or a LimitRange, and wait until the cluster knows what is used."""
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "small"}, "spec": spec}
    made = tenant.kube.resource(kind, "v1").create(body=body, namespace=tenant.namespace)
    if kind == "ResourceQuota":
        eventually(
            lambda: (
                tenant.kube.resource(kind, "v1").get(name=made.metadata.name, namespace=tenant.namespace).status.hard
            ),
            "the quota to be counted",
        )


def unstarted(tenant: Tenant, name: str) -> dict[str, Any]:
    return tenant.when(SYNC_KIND, name, "RunsHealthy", "False", "RunNotStarted", seconds=60)


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("strict")
def test_a_run_that_does_not_start_says_why_and_starts_once_its_sync_is_mended(tenant: Tenant) -> None:
    tenant.connect()
    limit(tenant, "ResourceQuota", hard={"limits.memory": "1Gi"})
    limit(tenant, "LimitRange", limits=[{"type": "Container", "min": {"memory": "8Mi"}}])
    for name, (pod, _, _) in REFUSED.items():
        tenant.ready(name, run={"pod": pod})
        tenant.request_run("one", name)
    tenant.ready("late", run={"startTimeout": "16s", "pod": REFUSED["node"][0]})
    tenant.request_run("one", "late")

    first = eventually(lambda: tenant.get("quota")["status"].get("lastRun"), "the Job to be told")
    assert (first["status"], first["verdict"]) == ("waiting", "waiting")
    assert "RunStarted" not in tenant.events("quota")
    for name, (_, why, remedy) in REFUSED.items():
        sync = unstarted(tenant, name)
        told, last = condition(sync, "RunsHealthy"), sync["status"]["lastRun"]
        assert why in told["message"], told
        assert remedy in told["message"]
        assert why in last["message"]
        assert (last["status"], sync["status"]["health"], sync["status"]["message"]) == (
            "waiting",
            "False",
            told["message"],
        )
        assert condition(sync)["status"] == "True", "runs never turn Ready"
        eventually(lambda name=name: tenant.events(name)[-1:] == ["RunNotStarted"], f"an event of {name}")  # type: ignore[misc]
    assert all(tenant.events(name).count("RunNotStarted") == 1 for name in REFUSED)

    before = tenant.get("quota")["status"]["lastRun"]["job"]
    tenant.patch("quota", run={"pod": {"resources": SMALL}})
    mended = tenant.ran("Request", "quota", seconds=60)
    assert mended["status"]["lastRun"]["job"] != before
    assert condition(mended, "RunsHealthy")["reason"] == "RunSucceeded"
    assert before not in {job["metadata"]["name"] for job in tenant.jobs()}

    failed = tenant.ran("Request", "late", seconds=60)
    assert failed["status"]["lastRun"]["verdict"] == "failed"
    words = condition(failed, "RunsHealthy")["message"]
    assert "did not start within spec.run.startTimeout of 16s: Unschedulable" in words
    assert condition(failed, "RunsHealthy")["reason"] == "RunNotStarted"
    assert len(tenant.sandbox.runs()) == 1, "of the one that was mended"


def test_what_the_node_says_of_a_pod_that_it_cannot_start_is_told(tenant: Tenant) -> None:
    tenant.connect()
    for name in SPOILED:
        tenant.ready(name)
        spoiled(tenant, name)

    for name, (why, remedy) in OF_THE_NODE.items():
        told = condition(unstarted(tenant, name), "RunsHealthy")["message"]
        assert re.search(why, told), told
        assert remedy in told
        assert tenant.get(name)["status"]["lastRun"]["verdict"] == "waiting"
