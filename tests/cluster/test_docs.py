"""Every command on the pages that need a cluster prints what the page shows; `--write-docs` writes it there."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import yaml
from tests.support.docs import ON_A_CLUSTER
from tests.support.docshell import DocShell
from tests.support.plane import Plane
from tests.support.running import eventually, running_controller
from tests.support.syncs import Tenant, is_ready


@pytest.fixture
def new(quiet: Plane, tenant: Tenant, tmp_path: Path) -> Iterator[Plane]:
    """Another cluster with a controller of its own, and the tenant's namespace."""
    done = quiet.kubectl("create", "namespace", tenant.namespace)
    assert done.returncode == 0, done.stderr
    with running_controller(quiet, tmp_path):
        yield quiet


@pytest.fixture
def shell(plane: Plane, tenant: Tenant, tmp_path: Path, page: str, request: pytest.FixtureRequest) -> DocShell:
    """A terminal with `kubectl` in the tenant's namespace, and, for a page that moves things, in a new cluster too."""
    kubeconfig = tmp_path / "kubeconfig"
    planes = {"old": plane} | ({"new": request.getfixturevalue("new")} if page == "docs/operations.md" else {})
    known = [(name, yaml.safe_load(there.kubeconfig.read_text())) for name, there in planes.items()]
    context = {"namespace": tenant.namespace}
    contexts = [{"name": name, "context": context | {"cluster": name, "user": name}} for name, _ in known]
    merged = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**config["clusters"][0], "name": name} for name, config in known],
        "users": [{**config["users"][0], "name": name} for name, config in known],
        "contexts": contexts,
        "current-context": "old",
    }
    kubeconfig.write_text(yaml.safe_dump(merged))
    shell = DocShell(tmp_path / "checkout", tenant.sandbox, {"KUBECONFIG": str(kubeconfig)}, tenant.namespace)
    shell.program("kubectl", plane.binary, "kubectl")
    return shell


def nothing(_: DocShell) -> None:
    """The page begins from scratch."""


def registered(shell: DocShell) -> None:
    """The Workspace and the Sync of getting started."""
    shell.run("kubectl apply -f examples/workspace.yaml -f docs/getting-started/customers.yaml")
    ready = shell.run("kubectl wait sync/customers --for=condition=Ready --timeout=30s")
    assert "condition met" in ready, ready


def beside_argo_cd(shell: DocShell) -> None:
    """As before, and Argo CD's ConfigMap is there."""
    registered(shell)
    shell.run("kubectl create namespace argocd; kubectl create configmap argocd-cm -n argocd --from-literal=url=kept")


def lost(shell: DocShell, context: str) -> None:
    """The Sync is gone from a cluster, and its sync is still on the server."""
    kubectl = f"kubectl --context {context}"
    shell.run(f"""{kubectl} patch sync customers --type merge -p '{{"spec":{{"deletionPolicy":"Retain"}}}}'""")
    assert "deleted" in shell.run(f"{kubectl} delete sync customers")


def some_time_later(tenant: Tenant) -> None:
    """Events have whole seconds, and are listed by them."""
    tenant.told("Scheduled", name="customers")
    made = datetime.fromisoformat(tenant.get("customers")["status"]["conditions"][0]["lastTransitionTime"])
    eventually(lambda: datetime.now(UTC) - made > timedelta(seconds=2), "the next second")


def answered(tenant: Tenant) -> None:
    """The operator has answered the last change of the spec."""
    eventually(lambda: is_ready(tenant.get("customers")), "the operator's answer")


def all_told(tenant: Tenant) -> None:
    """The run's event is there, and the operator has seen what the server makes of the run."""
    tenant.told("RunSucceeded", name="customers")
    eventually(lambda: tenant.get("customers")["status"]["serverStatus"] == "healthy", "the server's status")


SETUP: Final[dict[str, Callable[[DocShell], None]]] = {
    "docs/getting-started.md": nothing,
    "docs/concepts.md": registered,
    "docs/gitops.md": beside_argo_cd,
    "docs/kubectl.md": registered,
    "docs/operations.md": registered,
    "docs/pipelines.md": nothing,
    "docs/runbook.md": registered,
}
DELETED: Final = {"docs/getting-started.md", "docs/pipelines.md"}
"""Pages that delete in the end what they have applied."""


@pytest.mark.parametrize("page", SETUP)
def test_every_command_prints_what_the_page_shows(
    shell: DocShell, tenant: Tenant, page: str, request: pytest.FixtureRequest
) -> None:
    SETUP[page](shell)
    prepare: dict[str, Callable[[], None]] = {
        "kubectl annotate sync": partial(some_time_later, tenant),
        "kubectl describe": partial(all_told, tenant),
        "kubectl sync status": partial(answered, tenant),
        "sed -E '/^    (resourceVersion|uid|creationTimestamp|generation):/d' backup": partial(lost, shell, "old"),
        "kubectl apply -f docs/operations": partial(lost, shell, "new"),
    }

    difference = shell.walk(page, prepare=prepare, write=request.config.getoption("write_docs"))

    assert not difference, difference
    assert len(tenant.sandbox.syncs()) == (page not in DELETED), "one sync on the server, unless it was deleted"


def test_no_page_is_forgotten() -> None:
    assert set(SETUP) == set(ON_A_CLUSTER)
