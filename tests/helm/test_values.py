"""What each value does to the rendered objects."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.helm import NAMESPACE, Helm, HelmError, the

from sync_operator.api.validation.strict_validation import read_pod_defaults
from sync_operator.settings import ControllerSettings, LogSettings, RunPodRules
from sync_operator.util.host_patterns import EgressPolicy


def pod(helm: Helm, **values: Any) -> dict[str, Any]:
    """The controller's pod."""
    found: dict[str, Any] = the("Deployment", helm.template(**values))["spec"]["template"]
    return found


def container(helm: Helm, **values: Any) -> dict[str, Any]:
    """The controller's container."""
    [found] = pod(helm, **values)["spec"]["containers"]
    return dict(found)


def settings(helm: Helm, **values: Any) -> ControllerSettings:
    """What the controller reads from the environment that the chart gives it."""
    environment = {entry["name"]: entry["value"] for entry in container(helm, **values)["env"] if "value" in entry}
    return ControllerSettings.from_environment(environment)


def test_the_defaults_are_the_controllers_own(helm: Helm) -> None:
    assert settings(helm) == ControllerSettings(runner_image="sync-operator:0.1.0")


def test_every_setting_has_its_value(helm: Helm) -> None:
    read = settings(
        helm,
        image={"registry": "registry.example.com:5000", "repository": "team/sync-operator", "tag": "v2"},
        runner={"imagePullSecrets": ["pull", "pull-more"], "proxySecret": "sync-proxy"},
        runPods={
            "allowedServiceAccounts": ["runs", "more"],
            "allowedPriorityClasses": ["low"],
            "allowedLabelPrefixes": ["team.example.com/"],
            "allowedAnnotationPrefixes": ["*"],
            "allowControlPlane": True,
        },
        secrets={"requireLabel": True},
        watchNamespaces=["one", "two"],
        allowedHosts=["*.example.com", "api.example.org"],
        allowInsecureHosts=["sandbox.test", "::1"],
        allowInternalHosts=["[::1]:8443", "10.96.0.0/12"],
        clusterNetworks=["10.0.0.0/8", "fd00::/108"],
        resyncSeconds=86_400,
        runStartSeconds=900,
        workers=64,
        log={"format": "text", "level": "DEBUG"},
        extraEnv=[{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    )

    assert read == ControllerSettings(
        runner_image="registry.example.com:5000/team/sync-operator:v2",
        runner_image_pull_secrets=("pull", "pull-more"),
        watch_namespaces=("one", "two"),
        relist=read.relist,
        hosts=EgressPolicy(
            ("*.example.com", "api.example.org"),
            ("sandbox.test", "::1"),
            internal=("[::1]:8443", "10.96.0.0/12"),
            cluster=("10.0.0.0/8", "fd00::/108"),
        ),
        log=LogSettings("text", "DEBUG"),
        workers=64,
        run_start=timedelta(seconds=900),
        proxies=(("HTTPS_PROXY", "http://proxy:3128"),),
        runner_proxy_secret="sync-proxy",
        run_pods=RunPodRules(("runs", "more"), ("low",), ("team.example.com/",), ("*",), control_plane=True),
        require_secret_label=True,
    )
    assert read.relist.total_seconds() == 86_400


def test_what_all_run_pods_are_given_is_read_by_the_controller(helm: Helm) -> None:
    given: dict[str, Any] = {
        "resources": {"requests": {"cpu": 1, "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "nodeSelector": {"pool": "batch"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "labels": {"cost": "data"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "priorityClassName": "low",
    }

    read = read_pod_defaults(settings(helm, runner=given).runner_pod_defaults)

    assert read.model_dump(by_alias=True, exclude_none=True, mode="json") == given


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, "sync-operator:0.1.0"),
        ({"tag": "2026.1"}, "sync-operator:2026.1"),
        ({"registry": "localhost:5000"}, "localhost:5000/sync-operator:0.1.0"),
        ({"tag": "ignored", "digest": f"sha256:{'0' * 64}"}, f"sync-operator@sha256:{'0' * 64}"),
    ],
)
def test_one_image_for_controller_and_runs(helm: Helm, image: dict[str, str], reference: str) -> None:
    assert container(helm, image=image)["image"] == reference
    assert settings(helm, image=image).runner_image == reference


def test_what_the_pod_is_made_of(helm: Helm) -> None:
    taint = {"key": "only", "operator": "Exists"}
    affinity: dict[str, Any] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
    }
    made = pod(
        helm,
        imagePullSecrets=[{"name": "pull"}],
        podAnnotations={"sidecar.istio.io/inject": "false"},
        commonLabels={"team": "data"},
        podSecurityContext={"runAsUser": 1000},
        nodeSelector={"disk": "fast"},
        tolerations=[taint],
        affinity=affinity,
        priorityClassName="important",
        image={"pullPolicy": "Always"},
        extraArgs=["--help"],
        extraEnv=[{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
        securityContext={"runAsGroup": 1000},
        resources={"limits": {"cpu": 2, "memory": "1Gi"}, "requests": {"cpu": "250m"}},
    )

    assert made["metadata"] == {
        "annotations": {"sidecar.istio.io/inject": "false"},
        "labels": {"app.kubernetes.io/name": "sync-operator", "app.kubernetes.io/instance": "op", "team": "data"},
    }
    spec = made["spec"]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["nodeSelector"] == {"disk": "fast"}
    assert spec["tolerations"] == [taint]
    assert spec["affinity"] == affinity
    assert spec["priorityClassName"] == "important"
    [made_of] = spec["containers"]
    assert made_of["imagePullPolicy"] == "Always"
    assert made_of["args"] == ["controller", "--help"]
    assert made_of["env"][-1]["valueFrom"] == {"secretKeyRef": {"name": "a", "key": "b"}}
    assert made_of["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": 1000,
    }
    assert made_of["resources"] == {
        "limits": {"cpu": 2, "memory": "1Gi"},
        "requests": {"cpu": "250m", "memory": "128Mi"},
    }


def test_controllers_are_spread_by_their_own_labels(helm: Helm) -> None:
    zone = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    own = {"labelSelector": {"matchLabels": {"cost": "data"}}}
    rendered = helm.template(topologySpreadConstraints=[zone | own, zone])

    runner_config = the("Deployment", rendered)["spec"]
    spread = runner_config["template"]["spec"]["topologySpreadConstraints"]
    assert spread == [zone | own, zone | {"labelSelector": runner_config["selector"]}]


def test_ports_are_those_that_the_controller_serves(helm: Helm) -> None:
    probed = container(helm)

    read = settings(helm)
    assert {port["name"]: port["containerPort"] for port in probed["ports"]} == {
        "metrics": read.metrics_port,
        "health": read.health_port,
    }
    paths = {name: probed[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {
        "startupProbe": {"path": "/healthz", "port": "health"},
        "livenessProbe": {"path": "/healthz", "port": "health"},
        "readinessProbe": {"path": "/readyz", "port": "health"},
    }


@pytest.mark.parametrize("count", [0, 1])
def test_there_are_never_two_controllers_that_act(helm: Helm, count: int) -> None:
    spec = the("Deployment", helm.template(replicaCount=count))["spec"]

    assert spec["replicas"] == count
    assert spec["strategy"] == {"type": "Recreate"}
    with pytest.raises(HelmError, match=r"replicaCount: 2 controllers without leaderElection\.enabled would all do"):
        helm.template(replicaCount=2)


@pytest.mark.parametrize("count", [1, 3])
def test_several_controllers_choose_one_to_act(helm: Helm, count: int) -> None:
    elected: dict[str, Any] = {"replicaCount": count, "leaderElection": {"enabled": True}}
    rendered = helm.template(**elected)

    spec = the("Deployment", rendered)["spec"]
    assert spec["replicas"] == count
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert settings(helm, **elected) == replace(settings(helm), leader_election=True)
    assert container(helm, **elected)["args"] == ["controller", "--lease-name=op-sync-operator"]


def test_the_lease_is_the_releases_own_and_all_that_the_release_may_touch(helm: Helm) -> None:
    elected: dict[str, Any] = {"leaderElection": {"enabled": True}}
    role, binding = (the(kind, helm.template(**elected)) for kind in ("Role", "RoleBinding"))

    assert (role["metadata"]["name"], role["metadata"]["namespace"]) == ("op-sync-operator-lease", NAMESPACE)
    create, use = role["rules"]
    assert create == {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]}
    assert use == create | {"resourceNames": ["op-sync-operator"], "verbs": ["get", "patch"]}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "op-sync-operator", "namespace": NAMESPACE}]
    other = the("Role", helm.template(release="two", **elected))
    assert other["rules"][1]["resourceNames"] == ["two-sync-operator"]
    assert "leases" not in json.dumps(helm.template())
    assert "leases" not in json.dumps(helm.template(rbac={"create": False}, **elected))


@pytest.mark.parametrize(
    ("account", "name", "made"),
    [
        ({}, "op-sync-operator", True),
        ({"name": "own", "annotations": {"a/b": "c"}}, "own", True),
        ({"create": False}, "default", False),
        ({"create": False, "name": "theirs"}, "theirs", False),
    ],
)
def test_the_service_account(helm: Helm, account: dict[str, Any], name: str, made: bool) -> None:
    rendered = helm.template(serviceAccount=account)

    spec = the("Deployment", rendered)["spec"]["template"]["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (name, True)
    [subject] = the("ClusterRoleBinding", rendered)["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
    accounts = [document for document in rendered if document["kind"] == "ServiceAccount"]
    assert [document["metadata"]["name"] for document in accounts] == [name] * made
    assert [document["metadata"].get("annotations") for document in accounts] == [account.get("annotations")] * made


def test_all_namespaces_by_a_cluster_role_named_ones_by_roles(helm: Helm) -> None:
    everywhere, named = helm.template(), helm.template(watchNamespaces=["one", "two"])

    assert the("ClusterRoleBinding", everywhere)["roleRef"]["name"] == "ops:op-sync-operator"
    assert not any(document["kind"] in {"Role", "RoleBinding"} for document in everywhere)
    assert not any(document["kind"] == "ClusterRoleBinding" for document in named)
    roles = [document for document in named if document["kind"] == "Role"]
    bindings = [document for document in named if document["kind"] == "RoleBinding"]
    assert [role["metadata"]["namespace"] for role in roles] == ["one", "two"]
    assert [binding["metadata"]["namespace"] for binding in bindings] == ["one", "two"]
    for role, binding in zip(roles, bindings, strict=True):
        assert binding["roleRef"]["kind"] == "Role"
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert not any("customresourcedefinitions" in rule["resources"] for rule in role["rules"])


@pytest.mark.parametrize(
    ("rbac", "kinds"),
    [
        ({}, {"ClusterRole", "ClusterRoleBinding"}),
        ({"create": False}, set()),
    ],
)
def test_roles_may_come_from_elsewhere(helm: Helm, rbac: dict[str, bool], kinds: set[str]) -> None:
    assert {document["kind"] for document in helm.template(rbac=rbac) if "Role" in document["kind"]} == kinds


def test_peoples_roles_can_be_left_alone(helm: Helm) -> None:
    names = {document["metadata"]["name"] for document in helm.template() if document["kind"] == "ClusterRole"}
    assert names == {"ops:op-sync-operator", "ops:op-sync-operator:view", "ops:op-sync-operator:edit"}

    alone = the("ClusterRole", helm.template(rbac={"aggregateClusterRoles": False}))
    assert alone["metadata"]["name"] == "ops:op-sync-operator"


def test_guards_are_off_by_default_and_fit_the_pod(helm: Helm) -> None:
    assert not {"NetworkPolicy", "PodDisruptionBudget"} & {document["kind"] for document in helm.template()}

    rule = {"ports": [{"port": 3128}]}
    rendered = helm.template(
        networkPolicy={"enabled": True, "egressPorts": [6443, 8443], "extraEgress": [rule]},
        podDisruptionBudget={"enabled": True, "maxUnavailable": 2},
    )

    budget, policy = the("PodDisruptionBudget", rendered)["spec"], the("NetworkPolicy", rendered)["spec"]
    labels = the("Deployment", rendered)["spec"]["template"]["metadata"]["labels"]
    assert budget["selector"] == policy["podSelector"] == {"matchLabels": labels}
    assert budget["maxUnavailable"] == 2
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "metrics"}, {"port": "health"}]}]
    ports = [(entry["port"], entry["protocol"]) for entry in policy["egress"][0]["ports"]]
    assert ports == [(53, "UDP"), (53, "TCP"), (5353, "UDP"), (5353, "TCP"), (6443, "TCP"), (8443, "TCP")]
    assert policy["egress"][1:] == [rule]


def test_extra_objects_as_objects_and_as_templates(helm: Helm) -> None:
    template = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}-own\n"
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}, "data": {"a": "{{ kept }}"}}

    rendered = helm.template(extraObjects=[plain, template])

    assert the("ConfigMap", rendered) == plain
    assert the("Secret", rendered)["metadata"]["name"] == "op-own"


def test_a_parent_chart_may_pass_its_globals_and_its_condition(helm: Helm) -> None:
    passed: dict[str, Any] = {"global": {"anything": {"goes": True}}, "enabled": True}

    assert helm.template(**passed) == helm.template()


def test_a_parent_charts_registry_and_pull_secrets_are_for_all_pods(helm: Helm) -> None:
    values: dict[str, Any] = {
        "global": {"imageRegistry": "mirror.example.com", "imagePullSecrets": ["one", {"name": "two"}]},
        "image": {"registry": "registry.example.com"},
        "imagePullSecrets": [{"name": "two"}, {"name": "own"}],
        "runner": {"imagePullSecrets": ["one", "runs"]},
    }

    spec = pod(helm, **values)["spec"]
    assert spec["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}, {"name": "own"}]
    assert spec["containers"][0]["image"] == "mirror.example.com/sync-operator:0.1.0"
    read = settings(helm, **values)
    assert read.runner_image == "mirror.example.com/sync-operator:0.1.0"
    assert read.runner_image_pull_secrets == ("one", "two", "runs")
    guard = the("Job", helm.template(crds={"keep": False}, **values))["spec"]["template"]["spec"]
    assert guard["imagePullSecrets"] == spec["imagePullSecrets"]
