"""A node whose parent is killed leaves nothing that holds on to the machine, and the rest goes with the next run."""

import os
import signal
from contextlib import suppress

import pytest
from kubernetes import client
from tests.support.node import RealNode, clean, running_node, traces
from tests.support.plane import Kube
from tests.support.restricted import new_namespace
from tests.support.running import eventually

KILLED = "killed"
PATHS = {"folders", "cgroups"}


def run_pause(node: RealNode) -> None:
    """Run a pod, so that there are links, mounts, rules and cgroups to be left behind."""
    kube = Kube(node.kubeconfig)
    namespace = new_namespace(kube, "any")
    security = client.V1SecurityContext(
        allow_privilege_escalation=False, capabilities=client.V1Capabilities(drop=["ALL"]), run_as_non_root=True
    )
    container = client.V1Container(
        name="pause", image="localhost/pause:latest", image_pull_policy="Never", security_context=security
    )
    spec = client.V1PodSpec(
        containers=[container],
        security_context=client.V1PodSecurityContext(seccomp_profile=client.V1SeccompProfile(type="RuntimeDefault")),
    )
    kube.core.create_namespaced_pod(namespace, client.V1Pod(metadata=client.V1ObjectMeta(name="pause"), spec=spec))
    pods = kube.resource("Pod", "v1")
    eventually(
        lambda: pods.get(name="pause", namespace=namespace).status.phase == "Running", "the pod to run", seconds=120
    )
    kube.close()


@pytest.mark.parametrize("victim", ["up", "init"])
def test_a_killed_node_leaves_only_what_the_next_run_removes(victim: str) -> None:
    clean(KILLED)
    before = traces(KILLED)

    def left() -> dict[str, set[str]]:
        return {kind: there - before[kind] for kind, there in traces(KILLED).items() if there - before[kind]}

    with running_node(KILLED) as node:
        with node.network():
            run_pause(node)
        assert left().keys() >= {"processes", *PATHS}
        os.kill(node.process.pid if victim == "up" else node.init, signal.SIGKILL)
        node.process.wait(60)
        with suppress(AssertionError):
            eventually(lambda: left().keys() <= PATHS, "everything but files and cgroups to be gone", seconds=60)
        assert left().keys() <= PATHS, left()
    clean(KILLED)

    assert left() == {}
