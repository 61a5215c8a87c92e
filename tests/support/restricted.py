"""What tests put on a real node: namespaces that enforce Pod Security `restricted`, and pods that pass it."""

from secrets import token_hex
from typing import Any, Final

import httpx
import yaml
from kubernetes import client
from tests.support import planted
from tests.support.node import IMAGE
from tests.support.plane import ROOT, Kube
from tests.support.running import Sandbox, eventually

__all__ = ["RESTRICTED", "new_namespace", "run_code", "serve_sandbox"]

RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}
_PATIENCE: Final = 120.0
_OF_THE_DOCS: Final = ROOT / "docs" / "getting-started" / "sandbox.yaml"


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
    """Run the sandbox of the docs, by their own manifest, with our image and the planted token."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}
    kube.create(secret | {"stringData": {"token": planted.TOKEN}}, namespace)
    runner_config, service = yaml.safe_load_all(_OF_THE_DOCS.read_text())
    pod = runner_config["spec"]["template"]["spec"]
    [container] = pod["containers"]
    container |= {"image": IMAGE, "volumeMounts": [{"name": "token", "mountPath": "/token"}]}
    container["args"] += ["--token-file", "/token/token"]
    pod["volumes"] = [{"name": "token", "secret": {"secretName": "token"}}]
    kube.create(runner_config, namespace)
    made = kube.create(service, namespace)["spec"]
    sandbox = Sandbox(f"http://{made['clusterIP']}:{made['ports'][0]['port']}", planted.TOKEN)
    eventually(lambda: _answers(sandbox), "the sandbox to answer at its Service's address", seconds=_PATIENCE)
    return sandbox


def _answers(sandbox: Sandbox) -> bool:
    try:
        sandbox.requests()
    except httpx.TransportError:
        return False
    return True
