"""What tests put on a real node: namespaces that enforce Pod Security `restricted`, and pods that pass it."""

from secrets import token_hex
from typing import Any, Final

import httpx
from kubernetes import client
from tests.support import planted
from tests.support.node import IMAGE
from tests.support.plane import Kube
from tests.support.running import Sandbox, eventually

__all__ = ["RESTRICTED", "new_namespace", "run_code", "serve_sandbox"]

RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}
_PATIENCE: Final = 120.0


def new_namespace(kube: Kube, prefix: str) -> str:
    """A namespace whose pods must be `restricted`, with its default service account."""
    name = f"{prefix}-{token_hex(3)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name, labels=RESTRICTED)))
    accounts = kube.core.list_namespaced_service_account
    eventually(lambda: accounts(name).items, f"the service account of {name}", seconds=_PATIENCE)
    return name


def _pod(name: str, container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": name, "image": IMAGE, "securityContext": security, **container}],
            **spec,
        },
    }


def run_code(kube: Kube, namespace: str, code: str, *arguments: str) -> str:
    """Run Python code in a pod of our image, with the token of the default service account; what it printed."""
    name = f"code-{token_hex(3)}"
    kube.create(_pod(name, {"command": ["python", "-c", code, *arguments]}), namespace)

    def phase() -> str | None:
        now: str = kube.resource("Pod", "v1").get(name=name, namespace=namespace).status.phase
        return now if now in {"Succeeded", "Failed"} else None

    ended = eventually(phase, f"the end of pod {name}", seconds=_PATIENCE)
    said: str = kube.core.read_namespaced_pod_log(name, namespace)
    assert ended == "Succeeded", said
    return said


def serve_sandbox(kube: Kube, namespace: str) -> Sandbox:
    """Run a sandbox in a container of its own, behind a Service of the same name; it takes the planted token."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}
    kube.create(secret | {"stringData": {"token": planted.TOKEN}}, namespace)
    arguments = ["sandbox", "--host", "0.0.0.0", "--run-seconds", "5", "--token-file", "/token/token"]  # noqa: S104 - a pod's own
    pod = _pod(
        "sandbox",
        {"args": arguments, "volumeMounts": [{"name": "token", "mountPath": "/token"}]},
        volumes=[{"name": "token", "secret": {"secretName": "token"}}],
        automountServiceAccountToken=False,
    )
    kube.create(pod, namespace)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "sandbox"}}
    made = kube.create(
        service | {"spec": {"selector": {"app": "sandbox"}, "ports": [{"port": 80, "targetPort": 8088}]}}, namespace
    )
    sandbox = Sandbox(f"http://{made['spec']['clusterIP']}", planted.TOKEN)
    eventually(lambda: _answers(sandbox), "the sandbox to answer at its Service's address", seconds=_PATIENCE)
    return sandbox


def _answers(sandbox: Sandbox) -> bool:
    try:
        sandbox.requests()
    except httpx.TransportError:
        return False
    return True
