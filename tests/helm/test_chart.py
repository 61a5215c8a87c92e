"""The chart as a whole: it lints, its CRDs are the generated ones, its names keep releases apart."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
import yaml
from tests.support.helm import CHART, EVERYTHING, RELEASE, Helm, HelmError, the
from tests.support.plane import ROOT
from tests.support.running import GRACE_SECONDS

from sync_operator import __version__
from sync_operator.controller.main import FINAL_WATCH_SECONDS, RELEASE_SECONDS
from sync_operator.controller.workqueue.workqueue import SHUTDOWN_SECONDS
from sync_operator.kubernetes.event_recorder import DRAIN_SECONDS

LONG = "a-release-whose-name-is-exactly-as-long-as-helm-allow"
LOGIN: dict[str, Any] = {
    "url": "https://api.example.com",
    "auth": {"loginSecretRef": {"name": "login", "passwordKey": "word"}},
}


def identities(rendered: Iterable[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of each object."""
    return {
        (document["kind"], document["metadata"].get("namespace", ""), document["metadata"]["name"])
        for document in rendered
    }


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_it_lints(helm: Helm, values: dict[str, Any]) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", "--namespace", "ops", CHART, values=values)


def test_its_version_is_the_operators() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    assert f"ARG VERSION={__version__}\n" in (ROOT / "Dockerfile").read_text()


def test_its_pod_is_given_longer_than_a_stop_takes_at_most(helm: Helm) -> None:
    """Otherwise the kubelet kills a controller whose request is under way."""
    pod = the("Deployment", helm.template())["spec"]["template"]["spec"]
    longest = SHUTDOWN_SECONDS + DRAIN_SECONDS + RELEASE_SECONDS + FINAL_WATCH_SECONDS
    assert pod["terminationGracePeriodSeconds"] == GRACE_SECONDS >= longest + 5


def test_its_crds_are_the_generated_ones(helm: Helm) -> None:
    generated = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]

    rendered = [document for document in helm.template(crds={}) if document["kind"] == "CustomResourceDefinition"]

    for crd in rendered:
        assert crd["metadata"].pop("labels")["app.kubernetes.io/instance"] == RELEASE
        assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert rendered == generated


def test_crds_may_go_with_the_release_or_come_from_elsewhere(helm: Helm) -> None:
    elsewhere = helm.template(crds={"enabled": False})
    going = [document for document in helm.template(crds={"keep": False}) if document not in elsewhere]

    crds = [document for document in going if document["kind"] == "CustomResourceDefinition"]
    assert len(crds) == 4
    assert [crd["metadata"]["annotations"] for crd in crds] == [{"squared.ai/allow-delete": "true"}] * 4
    policies = [document for document in going if document["kind"].startswith("ValidatingAdmissionPolicy")]
    others = [document for document in going if document not in (*crds, *policies)]
    assert {document["metadata"]["annotations"]["helm.sh/hook"] for document in others} == {"pre-delete"}


@pytest.mark.parametrize("crds", [{}, {"keep": True}, {"enabled": False, "keep": False}])
def test_nothing_guards_an_uninstall_that_takes_no_crds(helm: Helm, crds: dict[str, Any]) -> None:
    assert "Job" not in {document["kind"] for document in helm.template(crds=crds)}


def test_the_guard_of_the_crds_may_list_what_is_registered_and_no_more(helm: Helm) -> None:
    with_guard, without = (helm.template(crds={"enabled": True, "keep": keep}) for keep in (False, True))
    known = identities(without)
    guard = [document for document in with_guard if identities([document]).isdisjoint(known)]

    [rule] = the("ClusterRole", guard)["rules"]
    assert rule == {"apiGroups": ["squared.ai"], "resources": ["connectors", "models", "syncs"], "verbs": ["list"]}
    pod = the("Job", guard)["spec"]["template"]
    assert pod["spec"]["serviceAccountName"] == the("ServiceAccount", guard)["metadata"]["name"]
    assert the("ClusterRoleBinding", guard)["subjects"][0]["name"] == pod["spec"]["serviceAccountName"]
    selector = the("Deployment", with_guard)["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= pod["metadata"]["labels"].items()


def test_the_guard_uses_the_controllers_account_where_no_roles_are_made(helm: Helm) -> None:
    rendered = helm.template(crds={"keep": False}, rbac={"create": False}, serviceAccount={"name": "given"})

    assert the("Job", rendered)["spec"]["template"]["spec"]["serviceAccountName"] == "given"
    assert [document for document in rendered if "rules" in document] == []


@pytest.mark.parametrize(
    ("values", "more"), [({}, set()), ({"loginWorkspaces": {"enabled": True}}, {"create", "patch"})]
)
def test_secrets_are_written_only_where_workspaces_may_log_in(
    helm: Helm, values: dict[str, Any], more: set[str]
) -> None:
    scopes: tuple[dict[str, Any], ...] = ({}, {"watchNamespaces": ["tenant"]})
    for scope in scopes:
        roles = [document for document in helm.template(**values, **scope) if "rules" in document]
        rules = [rule for role in roles for rule in role["rules"] if "secrets" in rule["resources"]]

        assert [set(rule["verbs"]) for rule in rules] == [{"get", "list", "watch"} | more]


@pytest.mark.parametrize("values", [{}, EVERYTHING | {"workspace": {}}], ids=["cluster-wide", "same namespace"])
def test_two_releases_in_one_cluster_share_no_object(helm: Helm, values: dict[str, Any]) -> None:
    releases = [(f"{LONG[:-1]}x", "ops"), (f"{LONG[:-1]}y", "ops"), ("op", "ops"), ("op", "a-ops"), ("ops-op", "a")]

    made = [identities(helm.template(release=release, namespace=where, **values)) for release, where in releases]

    assert len(LONG) == 53
    assert len(set[Any]().union(*made)) == sum(len(each) for each in made)


def test_names_are_at_most_63_characters_and_readable(helm: Helm) -> None:
    def name(release: str, **values: str) -> str:
        return str(the("Deployment", helm.template(release=release, **values))["metadata"]["name"])

    assert name("sync-operator") == "sync-operator"
    assert name("my-sync-operator") == "my-sync-operator"
    assert name("one") == "one-sync-operator"
    assert name("one", nameOverride="syncs") == "one-syncs"
    assert name("one", fullnameOverride="syncs") == "syncs"
    assert name(LONG) == f"{LONG}-sync-oper"
    assert name(LONG, nameOverride="operator-of-syncs") == f"{LONG}-operator"
    everything = helm.template(release=LONG, **EVERYTHING)
    in_namespace = [made for made in everything if "Role" not in made["kind"] and "Policy" not in made["kind"]]
    assert max(len(made["metadata"]["name"]) for made in in_namespace) == 63


def test_every_object_is_labelled_and_every_namespaced_one_says_where_it_is(helm: Helm) -> None:
    rendered = helm.template(crds={}, commonLabels={"team": "data"}, **EVERYTHING)

    assert {document["kind"] for document in rendered} == {
        "ClusterRole",
        "ConfigMap",
        "CustomResourceDefinition",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PrometheusRule",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "Workspace",
    }
    for document in rendered:
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == RELEASE
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["team"] == "data"
        cluster_scoped = document["kind"].startswith(("ClusterRole", "CustomResourceDefinition", "ValidatingAdmission"))
        assert document["metadata"].get("namespace") == (None if cluster_scoped else "ops")


def test_every_object_has_the_common_annotations_beside_its_own(helm: Helm) -> None:
    given: dict[str, Any] = EVERYTHING | {
        "crds": {"keep": False},
        "serviceAccount": {"annotations": {"own": "1"}},
        "deploymentAnnotations": {"own": "1"},
        "grafanaDashboard": {"enabled": True, "annotations": {"own": "1"}},
    }
    before, after = helm.template(**given), helm.template(commonAnnotations={"team": "data"}, **given)

    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new["metadata"].pop("annotations") == old["metadata"].pop("annotations", {}) | {"team": "data"}
        assert old == new


def test_a_workspace_is_a_hook_only_until_its_crd_is_there(helm: Helm) -> None:
    workspace = EVERYTHING["workspace"]
    first = the("Workspace", helm.template(workspace=workspace))
    later = the("Workspace", helm.template("--api-versions", "squared.ai/v1/Workspace", workspace=workspace))

    assert first["metadata"]["annotations"].pop("helm.sh/hook") == "post-install,post-upgrade"
    assert first == later
    assert later["spec"] == {"url": "https://api.example.com", "auth": {"tokenSecretRef": {"name": "token"}}}
    assert later["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_a_workspace_that_nobody_would_serve_is_refused(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"workspace\.create: .* namespace .ops. to watchNamespaces"):
        helm.template(workspace=EVERYTHING["workspace"], watchNamespaces=["tenant"])


def test_a_login_that_could_not_be_kept_is_refused(helm: Helm) -> None:
    workspace = EVERYTHING["workspace"] | {"spec": LOGIN}
    with pytest.raises(HelmError, match=r"loginSecretRef: .* set loginWorkspaces\.enabled to true"):
        helm.template(workspace=workspace)

    made = the("Workspace", helm.template(workspace=workspace, loginWorkspaces={"enabled": True}))
    assert made["spec"] == LOGIN


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["serves all namespaces.", "create secret generic sync-server-token -n ops", "kind: Workspace"]),
        ({"watchNamespaces": ["one", "two"]}, ["serves one, two.", "kubectl apply -n one"]),
        ({"replicaCount": 0}, ["serves all namespaces, once replicaCount is 1."]),
        ({"workspace": EVERYTHING["workspace"]}, ["generic token -n ops", "get workspace default -n ops"]),
        (
            {"workspace": EVERYTHING["workspace"] | {"spec": LOGIN}, "loginWorkspaces": {"enabled": True}},
            [
                "generic login -n ops --from-literal=email=EMAIL --from-file=word=/dev/stdin",
                "get workspace default -n ops",
            ],
        ),
        ({"crds": {"keep": False}}, ["crds.keep is false", "it refuses"]),
    ],
)
def test_the_notes_say_what_to_do_next(helm: Helm, values: dict[str, Any], words: list[str]) -> None:
    said = json.loads(helm("install", RELEASE, CHART, "-n", "ops", "--dry-run=client", "-o", "json", values=values))

    for part in words:
        assert part in said["info"]["notes"]
    assert ("it refuses" in said["info"]["notes"]) == ("crds" in values)


def test_all_that_is_in_a_namespace_may_be_in_another_than_the_release(helm: Helm) -> None:
    given = EVERYTHING | {"crds": {"enabled": True, "keep": False}, "watchNamespaces": ["elsewhere"]}
    rendered = helm.template(namespaceOverride="elsewhere", **given)

    assert {document["metadata"].get("namespace", "elsewhere") for document in rendered} == {"elsewhere"}
    bindings = [document for document in rendered if document["kind"].endswith("RoleBinding")]
    assert {subject["namespace"] for binding in bindings for subject in binding["subjects"]} == {"elsewhere"}
    account = "system:serviceaccount:elsewhere:op-sync-operator"
    assert account in json.dumps([each for each in rendered if each["kind"] == "ValidatingAdmissionPolicy"])
    assert the("Workspace", rendered)["metadata"]["annotations"]["meta.helm.sh/release-namespace"] == "ops"
