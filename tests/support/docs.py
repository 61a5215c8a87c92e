"""The documentation as tests read it: pages, the commands on them, and what of their output is never the same twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.support.plane import ROOT

__all__ = ["DOCS", "NOT_RUN", "ON_A_CLUSTER", "ON_A_LAPTOP", "Fence", "anchors", "fences", "pages", "prose", "steady"]

DOCS: Final = ROOT / "docs"

ON_A_LAPTOP: Final = ("docs/tools.md",)
"""Pages whose commands tests/contract/test_docs_of_tools.py runs."""
ON_A_CLUSTER: Final = tuple(
    f"docs/{name}.md"
    for name in ("concepts", "getting-started", "gitops", "kubectl", "operations", "pipelines", "runbook")
)
"""Pages whose commands tests/cluster/test_docs.py runs."""
_NO_ENGINE: Final = "needs a container engine; `make e2e` builds the image, and installs the chart on a real node"
_LIFECYCLE: Final = "needs pods with networks; `make e2e` does it (tests/e2e/test_lifecycle.py)"
_CI: Final = "takes too long for a test; `.ci/run` runs it"
_OWN_CLUSTER: Final = "is for a cluster of one's own; tests/e2e/test_demo.py runs it on a real node"
_LET_GO: Final = "only for what no operator serves any more; tests/helm/test_rbac.py does it"
_PLANNED: Final = "covers all namespaces; tests/cluster/test_plan.py plans beside what the cluster holds"
_EVERYWHERE: Final = "covers all namespaces; tests/cluster/apart/test_bad_manifests.py selects by it"
_OTHERS: Final = "covers all namespaces; others' Syncs are in it"
_TAKE_OVER: Final = "docs/operations.md does it for one Sync; the Syncs of other tests belong to this cluster"
_BY_THE_CLOCK: Final = "differs each time; docs/gitops.md asks for a run by a name"
_PIPELINE: Final = "tests/cluster/test_pipeline.py does it"
_INSTALL: Final = "helm install sync-operator helm/sync-operator --namespace sync-operator --create-namespace"
NOT_RUN: Final = {
    "kubectl explain connector.spec --recursive": _PIPELINE,
    "kubectl explain model.spec --recursive": _PIPELINE,
    "kubectl get models": _PIPELINE,
    "kubectl get connectors --field-selector spec.workspaceRef.name=NAME": _PIPELINE,
    "kubectl get models --field-selector spec.workspaceRef.name=NAME": _PIPELINE,
    "make demo": _CI,
    "make test": _CI,
    "make setup": "every other job does it first",
    'export PATH="$PWD/.venv/bin:$PATH"': "is for the terminal of whoever works in a checkout",
    "make demo CLUSTER=current IMAGE=…": _OWN_CLUSTER,
    "make demo CLUSTER=current IMAGE=sync-operator:0.1.0": _OWN_CLUSTER,
    "make demo KEEP=1": "waits for Ctrl-C; `.ci/run` runs `make demo`",
    "kind create cluster": _NO_ENGINE,
    "kind delete cluster": _NO_ENGINE,
    "kind load docker-image sync-operator:0.1.0": _NO_ENGINE,
    "docker build -t sync-operator:0.1.0 .": _NO_ENGINE,
    "docker build -t REGISTRY/sync-operator:0.1.0 .": _NO_ENGINE,
    f"{_INSTALL} --set 'allowInsecureHosts={{sandbox.default.svc}}'": _NO_ENGINE,
    f"{_INSTALL} --set image.registry=REGISTRY --set image.repository=sync-operator --set image.tag=0.1.0": _NO_ENGINE,
    "kubectl apply -f workspace.yaml -f examples/sync.yaml": "is for a server of one's own",
    "helm install sync-operator …": _LIFECYCLE,
    "helm install --wait": _LIFECYCLE,
    "kubectl apply --prune": "is how others delete; tests/cluster/test_plan.py plans it",
    "kubectl get syncs -A -o yaml": _PLANNED,
    "kubectl get syncs,models,connectors -A -o yaml": "tests/contract/test_export_pipelines.py reads such a file",
    "pip install '.[kubectl]'": "`make setup` installs the same into .venv",
    "kubectl sync status -A --unhealthy": _OTHERS,
    "dbt build && kubectl sync run customers --wait --timeout 1h": "needs dbt; tests/cluster/test_plugin_runs.py",
    "kubectl sync logs customers -f": "tests/cluster/test_plugin_runs.py does it",
    "kubectl sync logs customers --run 12": "tests/cluster/test_plugin_runs.py does it",
    "kubectl sync discover crm --wait": "tests/cluster/test_plugin_tree.py does it",
    "kubectl completion --help": "tests/cluster/test_plugin_tree.py asks as its scripts do",
    "kubectl sync suspend workspace/NAME": "tests/cluster/test_plugin_status.py does it",
    "helm upgrade sync-operator helm/sync-operator -n sync-operator --reuse-values": _LIFECYCLE,
    "helm upgrade … --reuse-values --set crds.keep=false": _LIFECYCLE,
    "helm rollback sync-operator 1 -n sync-operator": _LIFECYCLE,
    "helm uninstall sync-operator -n sync-operator": _LIFECYCLE,
    "helm uninstall --no-hooks": "tests/helm/test_install.py does it, with Helm and a real API server",
    "kubectl get syncs -A -o wide --field-selector status.health=False": _EVERYWHERE,
    "kubectl delete syncs -A --all": "would take the Syncs of other tests; tests/e2e/test_lifecycle.py names its own",
    "helm upgrade … --set replicaCount=2 --set leaderElection.enabled=true": "tests/helm/test_lease.py renders it",
    "helm template … -s templates/rbac.yaml": "tests/helm/test_rbac.py renders it",
    "kubectl get lease -n NAMESPACE": "needs two replicas; tests/cluster/apart/test_leader.py reads the Lease",
    'kubectl patch sync NAME -n NAMESPACE --type merge -p \'{"metadata":{"finalizers":null}}\'': _LET_GO,
    'kubectl patch sync orders --type merge -p \'{"metadata":{"finalizers":null}}\'': _LET_GO,
    "sync-operator controller --lease-name NAME": "does not end; the chart's Deployment starts it so",
    "kubectl get connectors,models,syncs,workspaces -A -o yaml > live.yaml": _PLANNED,
    "sync-operator plan pipeline/ --live live.yaml": _PLANNED,
    "kubectl annotate syncs --all --all-namespaces squared.ai/take-over=true": _TAKE_OVER,
    "kubectl annotate sync NAME squared.ai/take-over=true": _TAKE_OVER,
    'kubectl annotate sync NAME squared.ai/run-requested-at="$(date +%s)" --overwrite': _BY_THE_CLOCK,
    'kubectl annotate sync orders squared.ai/run-requested-at="$(date +%s)" --overwrite': _BY_THE_CLOCK,
    "kubectl wait --for=condition=Complete": "may never end, which the page warns of",
    "kubectl annotate --overwrite workspace NAME squared.ai/confirm-server=2026-11-29": (
        "needs a server that lost its syncs; tests/isolation/test_absence.py confirms one"
    ),
    "kubectl annotate crd syncs.squared.ai squared.ai/allow-delete=true": (
        "would let other tests lose their CRDs; tests/helm/test_policies.py does it"
    ),
    "kubectl get syncs -A -o wide": _OTHERS,
    "kubectl get syncs -A -o wide | awk '$3 != \"True\"'": _OTHERS,
    "kubectl apply --server-side": "is about how Secrets are written, whatever they hold",
    "argocd app actions run APPLICATION run-now --kind Sync --resource-name customers": (
        "needs Argo CD; tests/cluster/test_gitops.py runs the action's script on a real Sync"
    ),
}
"""Commands that are shown and that no test of the documentation runs: why not, and what does run them."""

_FENCE: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP: Final = re.compile(r"^\$ (?P<typed>(?:.*\\\n)*.*)\n(?P<printed>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
_NEVER_THE_SAME: Final = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME"),
    (r"(?<=TIME/)[0-9a-f]{32}", "PROCESS"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
    (r"(?<=Resource Version:)( +)\d+", r"\1VERSION"),
    (r"(?<=resourceVersion: )\"\d+\"", "VERSION"),
    (r"\b(\d+d)?(\d+h)?(\d+m)?\d+[smhd]\b", "AGE"),
    (r"(?<=Duration Seconds:)( +)\d+", r"\1DURATION"),
    (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
    (r"(?<=[a-z]-)([0-9a-f]{10}|\d{8})\b", "SUFFIX"),  # of a Job that was requested, or that was due
    (r"(?<=\S)  +", "  "),  # the width of a column depends on what stands in it
)
"""Times and ages, what the API server counts or draws at random, and the blanks between columns."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block of a page.

    Attributes:
        language: what stands behind the three backticks; ``console`` is run, ``sh`` is not.
        text: what is between the fences.
        span: where that text begins and ends on the page.
    """

    language: str
    text: str
    span: tuple[int, int]

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """Each command as a person types it, without the prompt, and what it prints."""
        return tuple((found["typed"], found["printed"].rstrip("\n")) for found in _STEP.finditer(self.text))


def pages() -> dict[str, str]:
    """Every page of the documentation, by its path from the root."""
    found = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in found}


def fences(page: str) -> Iterator[Fence]:
    """The fenced blocks of a page."""
    for found in _FENCE.finditer(page):
        yield Fence(found["language"], found["text"], found.span("text"))


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page)


def anchors(page: str) -> set[str]:
    """What links may name on a page: its headings, as forges write them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def steady(text: str) -> str:
    """Output without what is never the same twice, so that two printings can be compared."""
    for pattern, name in _NEVER_THE_SAME:
        text = re.sub(pattern, name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
