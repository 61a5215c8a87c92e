"""Every value does something: what it brings in, or takes away, where everything is switched on."""

from typing import Any, Final

import pytest
import yaml
from tests.support.helm import EVERYTHING, Helm
from tests.support.manifests import merged
from tests.support.values import leaves

EACH: Final[dict[str, tuple[Any, str]]] = {
    "/global/imageRegistry": ("mirror.example.com", "image: mirror.example.com/sync-operator:"),
    "/global/imagePullSecrets": (["pull"], "imagePullSecrets:\n      - name: pull"),
    "/image/registry": ("registry.example.com", "image: registry.example.com/sync-operator:"),
    "/image/repository": ("team/operator", "image: team/operator:"),
    "/image/tag": ("v9", "image: sync-operator:v9"),
    "/image/digest": (f"sha256:{'0' * 64}", "image: sync-operator@sha256:0"),
    "/image/pullPolicy": ("Always", "imagePullPolicy: Always"),
    "/imagePullSecrets": ([{"name": "pull"}], "imagePullSecrets:\n      - name: pull"),
    "/runner/imagePullSecrets": (["pull"], "SYNC_OPERATOR_RUNNER_IMAGE_PULL_SECRETS"),
    "/runner/proxySecret": ("sync-proxy", "SYNC_OPERATOR_RUNNER_PROXY_SECRET"),
    "/runner/resources": ({"limits": {"memory": "96Mi"}}, '"resources":{"limits":{"memory":"96Mi"}}'),
    "/runner/nodeSelector": ({"pool": "batch"}, '"nodeSelector":{"pool":"batch"}'),
    "/runner/tolerations": ([{"key": "batch"}], '"tolerations":[{"key":"batch"}]'),
    "/runner/affinity": ({"nodeAffinity": {}}, '"affinity":{"nodeAffinity":{}}'),
    "/runner/labels": ({"cost": "data"}, '"labels":{"cost":"data"}'),
    "/runner/annotations": ({"mesh/inject": "false"}, '"annotations":{"mesh/inject":"false"}'),
    "/runner/priorityClassName": ("low", '"priorityClassName":"low"'),
    "/runPods/allowedServiceAccounts": (["runs"], "SYNC_OPERATOR_RUN_POD_SERVICE_ACCOUNTS"),
    "/runPods/allowedPriorityClasses": (["low"], "SYNC_OPERATOR_RUN_POD_PRIORITY_CLASSES"),
    "/runPods/allowedLabelPrefixes": (["team/"], "SYNC_OPERATOR_RUN_POD_LABEL_PREFIXES"),
    "/runPods/allowedAnnotationPrefixes": (["team/"], "SYNC_OPERATOR_RUN_POD_ANNOTATION_PREFIXES"),
    "/runPods/allowControlPlane": (True, "SYNC_OPERATOR_RUN_POD_CONTROL_PLANE"),
    "/runPods/admissionPolicy/enabled": (False, "name: ops.op-sync-operator.run-pods"),
    "/secrets/requireLabel": (True, "SYNC_OPERATOR_REQUIRE_SECRET_LABEL"),
    "/nameOverride": ("syncs", "name: op-syncs"),
    "/fullnameOverride": ("own-name", "name: own-name"),
    "/namespaceOverride": ("more", "name: more:op-sync-operator"),
    "/commonLabels": ({"team": "data"}, "team: data"),
    "/commonAnnotations": ({"a/b": "common"}, "a/b: common"),
    "/replicaCount": (0, "replicas: 0"),
    "/leaderElection/enabled": (False, "SYNC_OPERATOR_LEADER_ELECTION"),
    "/watchNamespaces": (["ops", "more"], "namespace: more"),
    "/allowedHosts": (["api.example.com"], "SYNC_OPERATOR_ALLOWED_HOSTS"),
    "/allowInsecureHosts": (["sandbox.test"], "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS"),
    "/allowInternalHosts": (["sandbox.test"], "SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS"),
    "/clusterNetworks": (["10.96.0.0/12"], "SYNC_OPERATOR_CLUSTER_NETWORKS"),
    "/resyncSeconds": (600, "value: '600'"),
    "/runStartSeconds": (900, "value: '900'"),
    "/workers": (64, "value: '64'"),
    "/log/format": ("text", "value: text"),
    "/log/level": ("ERROR", "value: ERROR"),
    "/extraEnv": ([{"name": "HTTPS_PROXY", "value": "http://proxy"}], "name: HTTPS_PROXY"),
    "/extraArgs": (["--help"], "- --help"),
    "/extraObjects": ([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"}}], "kind: Secret"),
    "/crds/enabled": (False, "kind: CustomResourceDefinition"),
    "/crds/keep": (False, "metadata:\n  annotations:\n    helm.sh/resource-policy: keep"),
    "/crds/protect": (False, "name: ops.op-sync-operator.crds"),
    "/crds/warn": (False, "name: ops.op-sync-operator.syncs-warnings"),
    "/rbac/create": (False, "kind: RoleBinding"),
    "/rbac/aggregateClusterRoles": (False, "rbac.authorization.k8s.io/aggregate-to-view"),
    "/loginWorkspaces/enabled": (
        True,
        "- watch\n  - create\n  - patch\n- apiGroups:\n  - ''\n  resources:\n  - configmaps",
    ),
    "/serviceAccount/create": (False, "kind: ServiceAccount\nmetadata:"),
    "/serviceAccount/name": ("own", "serviceAccountName: own"),
    "/serviceAccount/annotations": ({"a/b": "c"}, "a/b: c"),
    "/deploymentAnnotations": ({"a/b": "c"}, "a/b: c"),
    "/revisionHistoryLimit": (2, "revisionHistoryLimit: 2"),
    "/podLabels": ({"cost": "data"}, "cost: data"),
    "/podAnnotations": ({"a/b": "c"}, "a/b: c"),
    "/podSecurityContext": ({"runAsUser": 1000}, "runAsUser: 1000"),
    "/securityContext": ({"runAsGroup": 1000}, "runAsGroup: 1000"),
    "/resources": ({"limits": {"memory": "1Gi"}}, "memory: 1Gi"),
    "/nodeSelector": ({"disk": "fast"}, "disk: fast"),
    "/tolerations": ([{"key": "only"}], "key: only"),
    "/affinity": ({"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}, "podAffinity"),
    "/priorityClassName": ("important", "priorityClassName: important"),
    "/extraVolumes": (
        [{"name": "ca", "configMap": {"name": "bundle"}}],
        "volumes:\n      - configMap:\n          name: bundle",
    ),
    "/extraVolumeMounts": ([{"name": "ca", "mountPath": "/ca"}], "mountPath: /ca"),
    "/hostNetwork": (True, "dnsPolicy: ClusterFirstWithHostNet"),
    "/dnsPolicy": ("Default", "dnsPolicy: Default"),
    "/dnsConfig": ({"options": [{"name": "ndots", "value": "1"}]}, "name: ndots"),
    "/hostAliases": ([{"ip": "10.0.0.1", "hostnames": ["a.test"]}], "ip: 10.0.0.1"),
    "/topologySpreadConstraints": (
        [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "topologyKey: zone",
    ),
    "/podDisruptionBudget/enabled": (False, "kind: PodDisruptionBudget"),
    "/podDisruptionBudget/maxUnavailable": (2, "maxUnavailable: 2"),
    "/serviceMonitor/enabled": (False, "kind: ServiceMonitor"),
    "/serviceMonitor/labels": ({"release": "prometheus"}, "release: prometheus"),
    "/serviceMonitor/interval": ("15s", "interval: 15s"),
    "/serviceMonitor/scrapeTimeout": ("5s", "scrapeTimeout: 5s"),
    "/serviceMonitor/relabelings": ([{"targetLabel": "cluster"}], "relabelings:\n    - targetLabel: cluster"),
    "/serviceMonitor/metricRelabelings": ([{"action": "drop"}], "metricRelabelings:\n    - action: drop"),
    "/prometheusRule/enabled": (False, "kind: PrometheusRule"),
    "/prometheusRule/labels": ({"release": "prometheus"}, "release: prometheus"),
    "/prometheusRule/runbookUrl": ("https://docs.example.com/runbook.md", "runbook.md#syncnotready"),
    "/grafanaDashboard/enabled": (False, "kind: ConfigMap"),
    "/grafanaDashboard/labels": ({"found": "so"}, "found: so"),
    "/grafanaDashboard/annotations": ({"grafana_folder": "Data"}, "grafana_folder: Data"),
    "/networkPolicy/enabled": (False, "kind: NetworkPolicy"),
    "/networkPolicy/egressPorts": ([8443], "port: 8443"),
    "/networkPolicy/extraEgress": ([{"ports": [{"port": 3128}]}], "port: 3128"),
    "/workspace/create": (False, "kind: Workspace\nmetadata:"),
    "/workspace/name": ("main", "name: main"),
    "/workspace/spec": ({"workspaceId": "7"}, "workspaceId: '7'"),
}
"""A value that is not the default, and a text that is rendered either with it or without it."""


def rendered(helm: Helm, values: dict[str, Any]) -> str:
    served = {"watchNamespaces": ["ops", "more"]} if "namespaceOverride" in values else {}
    documents = helm.template(**merged({"crds": {"enabled": True}} | EVERYTHING | served, values))
    return yaml.safe_dump_all(documents, sort_keys=False)


@pytest.fixture(scope="module")
def everything(helm: Helm) -> str:
    return rendered(helm, {})


@pytest.mark.parametrize("path", EACH)
def test_it_does_what_it_says(helm: Helm, everything: str, path: str) -> None:
    value, text = EACH[path]
    for name in reversed(path.split("/")[1:]):
        value = {name: value}

    assert (text in rendered(helm, value)) != (text in everything)


def test_no_value_is_forgotten() -> None:
    assert set(EACH) == set(leaves())
