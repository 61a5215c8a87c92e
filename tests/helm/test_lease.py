"""The chart's rights to its Lease under the real authorizer: two controllers use all of them, and miss none."""

import itertools
import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.support.helm import CHART, NAMESPACE, RELEASE, Helm
from tests.support.plane import IMAGE, Plane
from tests.support.running import Controller, eventually

NAME: Final = f"{RELEASE}-sync-operator"
"""Of the service account and the Lease."""
POD: Final = {"status.podIPs": "10.244.0.7"}
"""What a pod of the controller is told of itself."""
VALUES: Final[dict[str, Any]] = {
    "replicaCount": 0,
    "image": dict(zip(("repository", "tag"), IMAGE.split(":"), strict=True)),
    "leaderElection": {"enabled": True},
}


def as_account(plane: Plane, folder: Path) -> Path:
    """A kubeconfig of the chart's service account that lives where its pods do."""
    token = plane.kubectl("create", "token", NAME, "-n", NAMESPACE)
    assert token.returncode == 0, token.stderr
    config = yaml.safe_load(plane.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token.stdout.strip()}
    for entry in config["contexts"]:
        entry["context"]["namespace"] = NAMESPACE
    path = folder / "account.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def value_of(entry: dict[str, Any]) -> str:
    """The value of an environment variable, as the kubelet would give it to the pod."""
    return str(entry["value"]) if "value" in entry else POD[entry["valueFrom"]["fieldRef"]["fieldPath"]]


def says(controller: Controller, words: str) -> None:
    eventually(lambda: words in controller.log.read_text(), words)


@pytest.mark.timeout(300)
def test_two_controllers_hand_the_lease_over(installer: Helm, cluster: Plane, tmp_path: Path) -> None:
    installer("install", RELEASE, CHART, "-n", NAMESPACE, "--create-namespace", "--wait", values=VALUES)
    runner_config = json.loads(cluster.kubectl("get", "deployment", NAME, "-n", NAMESPACE, "-o", "json").stdout)
    [container] = runner_config["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: value_of(entry) for entry in container["env"]}
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    kubeconfig = str(as_account(cluster, tmp_path))
    first, second = (Controller(cluster, folder, KUBECONFIG=kubeconfig, **environment) for folder in folders)
    first.arguments = second.arguments = tuple(container["args"][1:])

    first.start()
    second.begin()
    says(second, f"standing by: Lease {NAMESPACE}/{NAME} is held by")
    assert first.stop() == 0
    says(second, '"message": "ready"')
    assert second.stop() == 0

    asked = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
    ours = [entry for entry in asked if entry["user"]["username"] == f"system:serviceaccount:{NAMESPACE}:{NAME}"]
    assert [entry["requestURI"] for entry in ours if entry["responseStatus"]["code"] == 403] == []
    leases = [entry for entry in ours if entry.get("objectRef", {}).get("resource") == "leases"]
    role = json.loads(cluster.kubectl("get", "role", f"{NAME}-lease", "-n", NAMESPACE, "-o", "json").stdout)
    granted = [itertools.product(rule["resources"], rule["verbs"]) for rule in role["rules"]]
    assert {("leases", entry["verb"]) for entry in leases} == set(itertools.chain.from_iterable(granted))
    allowed = cluster.kubectl(
        *("auth", "can-i", "patch", "leases/another", "-n", NAMESPACE),
        *("--as", f"system:serviceaccount:{NAMESPACE}:{NAME}"),
    )
    assert allowed.stdout.strip() == "no"
