"""The configuration for kustomize in the documentation, by the kustomize that is in kubectl."""

import subprocess
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.manifests import REMOVED, connector_manifest, model_manifest, sync_manifest, workspace_manifest
from tests.support.plane import ROOT

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.api.crd.crd_manifests import crd_of

NAMES: Final = ROOT / "docs" / "gitops" / "kustomize-names.yaml"
SYNC: Final[dict[str, Any]] = sync_manifest(
    "orders",
    workspaceRef={"name": "main"},
    configurationSecrets=[{"pointer": "/email", "secretKeyRef": {"name": "keys", "key": "a"}}],
    run={"pod": {"serviceAccountName": "runs", "imagePullSecrets": [{"name": "keys"}]}},
)
PIPELINE: Final = (
    connector_manifest(
        "warehouse",
        workspaceRef={"name": "main"},
        configurationSecrets=[{"pointer": "/password", "secretKeyRef": {"name": "keys", "key": "a"}}],
    ),
    model_manifest(
        "customers",
        workspaceRef={"name": "main"},
        query=REMOVED,
        queryFrom={"configMapKeyRef": {"name": "queries", "key": "customers.sql"}},
    ),
)
WORKSPACES: Final = (
    workspace_manifest("main", auth={"tokenSecretRef": {"name": "keys"}}, caSecretRef={"name": "keys"}),
    {**workspace_manifest("login"), "spec": {"url": "https://a.example", "auth": {"loginSecretRef": {"name": "keys"}}}},
)


def built(binary: Path, folder: Path) -> list[dict[str, Any]]:
    """What a kustomization makes of the manifests: a prefix for all names, and a hash for the Secret's."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "runs"}}
    (folder / "all.yaml").write_text(yaml.safe_dump_all([SYNC, *PIPELINE, *WORKSPACES, account]))
    (folder / NAMES.name).write_text(NAMES.read_text())
    kustomization = {
        "namePrefix": "staging-",
        "resources": ["all.yaml"],
        "configurations": [NAMES.name],
        "secretGenerator": [{"name": "keys", "literals": ["a=b"]}],
        "configMapGenerator": [{"name": "queries", "literals": ["customers.sql=SELECT 1"]}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    command: list[str | Path] = [binary, "kubectl", "kustomize", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def test_what_is_renamed_is_renamed_where_it_is_named(plane_binary: Path, tmp_path: Path) -> None:
    made = {(each["kind"], each["metadata"]["name"]): each.get("spec", {}) for each in built(plane_binary, tmp_path)}

    [secret] = [name for kind, name in made if kind == "Secret"]
    assert secret.startswith("staging-keys-")
    sync = made["Sync", "staging-orders"]
    assert sync["workspaceRef"] == {"name": "staging-main"}
    assert sync["configurationSecrets"][0]["secretKeyRef"]["name"] == secret
    assert sync["run"]["pod"] == {"serviceAccountName": "staging-runs", "imagePullSecrets": [{"name": secret}]}
    main, login = made["Workspace", "staging-main"], made["Workspace", "staging-login"]
    assert main["auth"]["tokenSecretRef"]["name"] == main["caSecretRef"]["name"] == secret
    assert login["auth"]["loginSecretRef"]["name"] == secret
    [queries] = [name for kind, name in made if kind == "ConfigMap"]
    connector, model = made[CONNECTOR_KIND, "staging-warehouse"], made[MODEL_KIND, "staging-customers"]
    assert connector["workspaceRef"] == model["workspaceRef"] == {"name": "staging-main"}
    assert connector["configurationSecrets"][0]["secretKeyRef"]["name"] == secret
    assert model["connectorRef"] == {"name": "staging-warehouse"}
    assert model["queryFrom"]["configMapKeyRef"]["name"] == queries


def test_every_reference_of_our_kinds_is_listed() -> None:
    listed = {
        (spec["kind"], spec["path"])
        for each in yaml.safe_load(NAMES.read_text())["nameReference"]
        for spec in each["fieldSpecs"]
    }

    def references(schema: dict[str, Any], path: str) -> set[str]:
        found: set[str] = set()
        for name, field in schema.get("properties", {}).items():
            here = f"{path}/{name}"
            inner = field.get("items", field)
            is_reference = name.endswith(("Ref", "Secrets")) and "name" in inner.get("properties", {})
            found |= {f"{here}/name"} if is_reference else references(inner, here)
        return found

    for kind in (CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND):
        spec = crd_of(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        wanted = {(kind, path) for path in references(spec, "spec")}
        assert wanted == {each for each in listed if each[0] == kind and "serviceAccountName" not in each[1]}
