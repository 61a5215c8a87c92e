"""How `kubectl sync` reaches a cluster: every kubeconfig that kubectl reads, and a clear word where it cannot."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.support.helm import Helm
from tests.support.manifests import sync_manifest, workspace_manifest
from tests.support.plane import Plane, running_plane
from tests.support.plugin import Plugin, impersonating
from tests.support.running import eventually
from tests.support.syncs import MAPPING

BINDING: Final = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: "%(role)s"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "%(role)s"}
subjects: [{kind: Group, name: "%(role)s-group", apiGroup: rbac.authorization.k8s.io}]
"""
"""The cluster's own role, for a group, in one namespace."""


def config(plane: Plane) -> Any:
    return yaml.safe_load(plane.kubeconfig.read_text())


def written(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a kubeconfig."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_cluster_that_cannot_be_reached_is_told(plane: Plane, home: Path) -> None:
    assert "there is no kubeconfig (~/.kube/config)" in Plugin("")("status", code=2)
    missing = home / "missing"
    assert f"there is no kubeconfig ({missing})" in Plugin(missing)("status", code=2)
    broken = home / "broken"
    broken.write_text("clusters: [")
    assert f"kubeconfig {broken} cannot be used" in Plugin(broken)("status", code=2)
    content = config(plane)
    content["clusters"][0]["cluster"] = {"server": "https://127.0.0.1:9"}
    closed = Plugin(written(home / "closed", content))("status", code=3)
    assert "the API server at https://127.0.0.1:9 (context" in closed
    assert "cannot be reached: Connection refused" in " ".join(closed.split())
    content = config(plane)
    content["users"][0]["user"] = {"token": "wrong"}
    wrong = Plugin(written(home / "wrong", content))("status", code=2)
    assert "does not accept the credentials of context" in wrong
    del content["current-context"]
    unset = Plugin(written(home / "unset", content))("status", code=2)
    assert "kubectl config use-context NAME" in " ".join(unset.split())


def test_a_context_is_chosen_as_kubectl_chooses_it(plane: Plane, tmp_path: Path, namespace: str) -> None:
    content = config(plane)
    context = content["contexts"][0]["context"]
    here, there = ({"name": name, "context": {**context, "namespace": name}} for name in (namespace, "elsewhere"))
    first = written(tmp_path / "a", {"contexts": [here], "current-context": namespace})
    rest = {"clusters": content["clusters"], "users": content["users"], "contexts": [there]}
    second = written(tmp_path / "b", {**rest, "current-context": "elsewhere"})
    plugin = Plugin(f"{first}:{tmp_path / 'missing'}:{second}")

    assert plugin("status") == f"nothing of this operator in namespace {namespace!r}\n"
    assert "in namespace 'elsewhere'" in plugin("status", "--context", "elsewhere")
    assert "in namespace 'other'" in plugin("-n", "other", "status")
    assert f"there is no Sync 'x' in namespace {namespace!r}" in " ".join(plugin("status", "x", code=2).split())
    unknown = " ".join(plugin("status", "--context", "prod", code=2).split())
    assert f"no context 'prod' (there are: elsewhere, {namespace})" in unknown
    assert "no context 'prod'" in Plugin("nowhere")("--kubeconfig", str(second), "--context", "prod", "status", code=2)


def test_a_plugin_of_the_kubeconfig_logs_in(plane: Plane, tmp_path: Path) -> None:
    content = config(plane)
    token = content["users"][0]["user"]["token"]
    said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    (tmp_path / "said").write_text(json.dumps(said))
    program = tmp_path / "login"
    program.write_text('#!/bin/sh\nexec cat "$(dirname "$0")/said"\n')
    program.chmod(stat.S_IRWXU)
    form = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
    content["users"][0]["user"] = {"exec": {"command": "./login", **form}}
    plugin = Plugin(written(tmp_path / "kubeconfig", content))

    assert "nothing of this operator" in plugin("status", "-n", "nothing-here")
    program.write_text("#!/bin/sh\necho the session has ended >&2\nexit 1\n")
    failed = " ".join(plugin("status", code=2).split())
    assert "users[].user.exec gave no credentials: exec: process returned 1" in failed


@pytest.fixture
def people(plane: Plane, namespace: str, tmp_path: Path, helm: Helm) -> dict[str, Plugin]:
    """By the cluster's role that they have in one namespace, with what the chart adds to it: people."""
    roles = yaml.safe_dump_all(role for role in helm.template() if "aggregate-to-edit" in yaml.safe_dump(role))
    bindings = "---".join(BINDING % {"role": role} for role in ("view", "edit"))
    assert plane.kubectl("apply", "-f", "-", stdin=roles).returncode == 0
    assert plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=bindings).returncode == 0
    found = {
        role: Plugin(impersonating(plane, tmp_path, f"{role}er", f"{role}-group", "staff"), namespace)
        for role in ("view", "edit")
    }
    who = ("auth", "can-i", "patch", "syncs.squared.ai", "-n", namespace, "--as=x", "--as-group=edit-group")
    eventually(lambda: plane.kubectl(*who).stdout.startswith("yes"), "the roles to be aggregated")
    return found


def test_the_roles_view_and_edit_are_enough_and_what_they_lack_is_named(
    people: dict[str, Plugin], plane: Plane, namespace: str
) -> None:
    sync = sync_manifest("orders", configuration=MAPPING, scheduleType="manual")
    workspace = workspace_manifest("default", url="https://example.com", workspaceId="1")
    for manifest in (sync, workspace):
        done = plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(manifest))
        assert done.returncode == 0, done.stderr
    viewer, editor = people["view"], people["edit"]

    assert "1 Sync, 1 Workspace" in viewer("status")
    assert "Sync orders in namespace" in viewer("status", "orders")
    assert "Workspace default: " in viewer("tree")
    assert "orders has not run yet" in viewer("runs", "orders")
    assert "orders has not run yet" in viewer("logs", "orders", code=2)
    for words in (("suspend", "orders"), ("run", "orders", "--wait")):
        refused = " ".join(viewer(*words, code=2).split())
        assert f"user 'viewer' may not patch syncs.squared.ai in namespace {namespace!r}" in refused
        assert "a role with the verb 'patch' on the resource 'syncs.squared.ai' is missing" in refused
    everywhere = " ".join(Plugin(viewer.kubeconfig)("status", "-A", code=2).split())
    assert "user 'viewer' may not list syncs.squared.ai in all namespaces" in everywhere
    assert editor("suspend", "orders") == "sync.squared.ai/orders suspended\n"
    assert "not ended within 1s" in editor("run", "orders", "--wait", "--timeout", "1s", code=124)


@pytest.fixture
def bare(plane_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running_plane(plane_binary, tmp_path_factory.mktemp("bare"), bare=True) as running:
        yield running


def test_a_cluster_without_the_operator_is_told(bare: Plane) -> None:
    said = " ".join(Plugin(bare.kubeconfig)("status", code=2).split())

    assert said.endswith("has no syncs.squared.ai: the operator's CRDs are not installed")
    assert "has no syncs.squared.ai" in " ".join(Plugin(bare.kubeconfig)("suspend", "x", code=2).split())
