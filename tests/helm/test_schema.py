"""`values.schema.json` refuses what would not work, and names it."""

import re
from typing import Any

import pytest
from tests.support.helm import CHART, Helm, HelmError
from tests.support.values import SCHEMA, WHOLE, branches, leaves

from sync_operator.api.crd.crd_manifests import workspace_crd

SPEC: dict[str, Any] = {"url": "https://api.example.com", "auth": {"tokenSecretRef": {"name": "token"}}}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown value": ({"replicas": 1}, "'replicas' not allowed"),
    "an unknown value below": ({"image": {"name": "a"}}, "at '/image': additional properties 'name'"),
    "all images from a page": ({"global": {"imageRegistry": "https://a.example.com"}}, "at '/global/imageRegistry'"),
    "a pull secret without its name": ({"global": {"imagePullSecrets": [{}]}}, "at '/global/imagePullSecrets/0'"),
    "a registry with a scheme": ({"image": {"registry": "https://registry.example.com"}}, "at '/image/registry'"),
    "a repository in capitals": ({"image": {"repository": "Team/Operator"}}, "at '/image/repository'"),
    "a tag that yaml takes for a number": ({"image": {"tag": 1.0}}, "at '/image/tag': got number, want string"),
    "a digest without its algorithm": ({"image": {"digest": "0" * 64}}, "at '/image/digest'"),
    "an unknown pull policy": ({"image": {"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy'"),
    "a pull secret as a word": ({"imagePullSecrets": ["pull"]}, "at '/imagePullSecrets/0'"),
    "a run pod's pull secret as an object": (
        {"runner": {"imagePullSecrets": [{"name": "pull"}]}},
        "at '/runner/imagePullSecrets/0'",
    ),
    "a name in capitals": ({"nameOverride": "Syncs"}, "at '/nameOverride'"),
    "a name of 64 characters": ({"fullnameOverride": "x" * 64}, "at '/fullnameOverride'"),
    "a label that the chart sets": ({"commonLabels": {"helm.sh/chart": "x"}}, "at '/commonLabels/helm.sh~1chart'"),
    "a label that is a number": ({"commonLabels": {"a": 1}}, "at '/commonLabels/a'"),
    "a label that cannot be one": ({"commonLabels": {"a": "b c"}}, "at '/commonLabels/a'"),
    "a label whose name cannot be one": ({"commonLabels": {"a b": "c"}}, "additional properties 'a b'"),
    "an annotation of all as a number": ({"commonAnnotations": {"a": 1}}, "at '/commonAnnotations/a'"),
    "fewer controllers than none": ({"replicaCount": -1}, "at '/replicaCount': minimum: got -1, want 0"),
    "an election by a word": ({"leaderElection": {"enabled": "yes"}}, "at '/leaderElection/enabled'"),
    "namespaces as one word": ({"watchNamespaces": "one,two"}, "at '/watchNamespaces': got string, want array"),
    "a namespace that cannot be": ({"watchNamespaces": ["one,two"]}, "at '/watchNamespaces/0'"),
    "a namespace twice": ({"watchNamespaces": ["one", "one"]}, "at '/watchNamespaces'"),
    "a URL for a host": ({"allowedHosts": ["https://api.example.com"]}, "at '/allowedHosts/0'"),
    "a host without its port": ({"allowInsecureHosts": ["localhost:"]}, "at '/allowInsecureHosts/0'"),
    "a proxy for its Secret": ({"runner": {"proxySecret": "http://proxy:3128"}}, "at '/runner/proxySecret'"),
    "a run's memory as a fraction": (
        {"runner": {"resources": {"limits": {"cpu": 0.5}}}},
        "/runner/resources/limits/cpu'",
    ),
    "a run's node as a list": ({"runner": {"nodeSelector": ["fast"]}}, "at '/runner/nodeSelector'"),
    "a run's taint as a word": ({"runner": {"tolerations": ["batch"]}}, "at '/runner/tolerations/0'"),
    "a run's unknown affinity": ({"runner": {"affinity": {"node": {}}}}, "at '/runner/affinity'"),
    "a run's label that cannot be": ({"runner": {"labels": {"a": "b c"}}}, "at '/runner/labels/a'"),
    "a run's annotation as a boolean": ({"runner": {"annotations": {"a": False}}}, "at '/runner/annotations/a'"),
    "a run's priority as a number": ({"runner": {"priorityClassName": 1}}, "at '/runner/priorityClassName'"),
    "a namespace for the objects in capitals": ({"namespaceOverride": "Ops"}, "at '/namespaceOverride'"),
    "a Deployment's annotation as a number": ({"deploymentAnnotations": {"a": 1}}, "at '/deploymentAnnotations/a'"),
    "a history of less than nothing": ({"revisionHistoryLimit": -1}, "at '/revisionHistoryLimit'"),
    "a pod's label that the chart sets": (
        {"podLabels": {"app.kubernetes.io/name": "x"}},
        "at '/podLabels/app.kubernetes.io~1name'",
    ),
    "a volume without a name": ({"extraVolumes": [{"emptyDir": {}}]}, "at '/extraVolumes/0'"),
    "a mount without its place": ({"extraVolumeMounts": [{"name": "ca"}]}, "at '/extraVolumeMounts/0'"),
    "a network by its name": ({"hostNetwork": "host"}, "at '/hostNetwork'"),
    "an unknown way to look up names": ({"dnsPolicy": "Cluster"}, "at '/dnsPolicy'"),
    "a DNS server for its settings": ({"dnsConfig": ["10.0.0.1"]}, "at '/dnsConfig'"),
    "a line of /etc/hosts": ({"hostAliases": ["10.0.0.1 a.test"]}, "at '/hostAliases/0'"),
    "a spread without its key": ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "at '/topologySpreadConstraints/0'"),
    "a scrape that takes a number": ({"serviceMonitor": {"scrapeTimeout": 5}}, "at '/serviceMonitor/scrapeTimeout'"),
    "relabelings as an object": ({"serviceMonitor": {"relabelings": {}}}, "at '/serviceMonitor/relabelings'"),
    "a metric's relabeling as a word": (
        {"serviceMonitor": {"metricRelabelings": ["drop"]}},
        "at '/serviceMonitor/metricRelabelings/0'",
    ),
    "an account that is none": (
        {"runPods": {"allowedServiceAccounts": ["a/b"]}},
        "at '/runPods/allowedServiceAccounts/0'",
    ),
    "a class by a pattern": ({"runPods": {"allowedPriorityClasses": ["l*"]}}, "at '/runPods/allowedPriorityClasses/0'"),
    "an empty prefix": ({"runPods": {"allowedLabelPrefixes": [""]}}, "at '/runPods/allowedLabelPrefixes/0'"),
    "a prefix by a pattern": (
        {"runPods": {"allowedAnnotationPrefixes": ["team/*"]}},
        "at '/runPods/allowedAnnotationPrefixes/0'",
    ),
    "a word for true": ({"runPods": {"allowControlPlane": "yes"}}, "at '/runPods/allowControlPlane'"),
    "a policy by its name": ({"runPods": {"admissionPolicy": {"enabled": "own"}}}, "/runPods/admissionPolicy/enabled'"),
    "a label for true": ({"secrets": {"requireLabel": "squared.ai/allow-sync"}}, "at '/secrets/requireLabel'"),
    "a protection by its name": ({"crds": {"protect": "all"}}, "at '/crds/protect'"),
    "warnings by their name": ({"crds": {"warn": "all"}}, "at '/crds/warn'"),
    "an address without its brackets": ({"allowInternalHosts": ["[::1:80"]}, "at '/allowInternalHosts/0'"),
    "a name for a network": ({"clusterNetworks": ["cluster.local"]}, "at '/clusterNetworks/0'"),
    "a resync too often": ({"resyncSeconds": 9}, "at '/resyncSeconds': minimum"),
    "a resync in minutes": ({"resyncSeconds": "5m"}, "at '/resyncSeconds'"),
    "runs that may never start": ({"runStartSeconds": 0}, "at '/runStartSeconds': minimum"),
    "no workers": ({"workers": 0}, "at '/workers': minimum"),
    "too many workers": ({"workers": 257}, "at '/workers': maximum"),
    "an unknown log format": ({"log": {"format": "xml"}}, "at '/log/format'"),
    "an unknown log level": ({"log": {"level": "info"}}, "at '/log/level'"),
    "a setting as a variable": ({"extraEnv": [{"name": "SYNC_OPERATOR_WORKERS"}]}, "at '/extraEnv/0/name'"),
    "a variable that is a number": ({"extraEnv": [{"name": "A", "value": 1}]}, "at '/extraEnv/0/value'"),
    "a variable from two places": (
        {"extraEnv": [{"name": "A", "valueFrom": {"fieldRef": {}, "secretKeyRef": {}}}]},
        "at '/extraEnv/0/valueFrom'",
    ),
    "arguments as one word": ({"extraArgs": "--a --b"}, "at '/extraArgs'"),
    "an object without a kind": ({"extraObjects": [{"metadata": {}}]}, "at '/extraObjects/0'"),
    "a yes that is no boolean": ({"crds": {"keep": "yes"}}, "at '/crds/keep'"),
    "CRDs by a number": ({"crds": {"enabled": 1}}, "at '/crds/enabled': got number, want boolean"),
    "roles by a word": ({"rbac": {"create": "true"}}, "at '/rbac/create'"),
    "people's roles by a word": ({"rbac": {"aggregateClusterRoles": "no"}}, "at '/rbac/aggregateClusterRoles'"),
    "logins by a word": ({"loginWorkspaces": {"enabled": "yes"}}, "at '/loginWorkspaces/enabled'"),
    "an account by a word": ({"serviceAccount": {"create": "no"}}, "at '/serviceAccount/create'"),
    "an account's annotation as a number": (
        {"serviceAccount": {"annotations": {"a/b": 1}}},
        "at '/serviceAccount/annotations/a~1b'",
    ),
    "a pod's security as a word": ({"podSecurityContext": "restricted"}, "at '/podSecurityContext'"),
    "a container's security as a word": ({"securityContext": "restricted"}, "at '/securityContext'"),
    "a budget by a word": ({"podDisruptionBudget": {"enabled": "yes"}}, "at '/podDisruptionBudget/enabled'"),
    "a policy by a word": ({"networkPolicy": {"enabled": "yes"}}, "at '/networkPolicy/enabled'"),
    "a way out as an object": ({"networkPolicy": {"extraEgress": {"ports": []}}}, "at '/networkPolicy/extraEgress'"),
    "a monitor by a word": ({"serviceMonitor": {"enabled": "yes"}}, "at '/serviceMonitor/enabled'"),
    "rules by a word": ({"prometheusRule": {"enabled": "yes"}}, "at '/prometheusRule/enabled'"),
    "a rule's label with a blank": ({"prometheusRule": {"labels": {"a": "b c"}}}, "at '/prometheusRule/labels/a'"),
    "a dashboard by a word": ({"grafanaDashboard": {"enabled": "yes"}}, "at '/grafanaDashboard/enabled'"),
    "an unknown way to make roles": ({"rbac": {"scoped": True}}, "at '/rbac': additional properties 'scoped'"),
    "an account that cannot be": ({"serviceAccount": {"name": "Operator"}}, "at '/serviceAccount/name'"),
    "an annotation that is a boolean": ({"podAnnotations": {"inject": False}}, "at '/podAnnotations/inject'"),
    "an amount with a blank": ({"resources": {"limits": {"memory": "1 Gi"}}}, "at '/resources/limits/memory'"),
    "a limit in the singular": ({"resources": {"limit": {}}}, "at '/resources': additional properties 'limit'"),
    "a node label that is a boolean": ({"nodeSelector": {"fast": True}}, "at '/nodeSelector/fast'"),
    "tolerations as an object": ({"tolerations": {"key": "a"}}, "at '/tolerations'"),
    "an unknown affinity": ({"affinity": {"node": {}}}, "at '/affinity': additional properties 'node'"),
    "a priority that is a number": ({"priorityClassName": 1000}, "at '/priorityClassName'"),
    "a budget that stops every drain": ({"podDisruptionBudget": {"maxUnavailable": 0}}, "/maxUnavailable': minimum"),
    "a budget the other way round": ({"podDisruptionBudget": {"minAvailable": 1}}, "'minAvailable' not allowed"),
    "a scrape that never comes": ({"serviceMonitor": {"interval": "often"}}, "at '/serviceMonitor/interval'"),
    "a monitor's label that the chart sets": (
        {"serviceMonitor": {"labels": {"app.kubernetes.io/name": "x"}}},
        "at '/serviceMonitor/labels/app.kubernetes.io~1name'",
    ),
    "a runbook that is no page": ({"prometheusRule": {"runbookUrl": "docs"}}, "at '/prometheusRule/runbookUrl'"),
    "rules of one's own": ({"prometheusRule": {"rules": []}}, "at '/prometheusRule': additional properties 'rules'"),
    "a dashboard's label as a number": (
        {"grafanaDashboard": {"labels": {"grafana_dashboard": 1}}},
        "at '/grafanaDashboard/labels/grafana_dashboard': got number, want string",
    ),
    "a dashboard's folder as a number": (
        {"grafanaDashboard": {"annotations": {"grafana_folder": 1}}},
        "at '/grafanaDashboard/annotations/grafana_folder'",
    ),
    "no way out": ({"networkPolicy": {"egressPorts": []}}, "at '/networkPolicy/egressPorts'"),
    "a port by name": ({"networkPolicy": {"egressPorts": ["https"]}}, "at '/networkPolicy/egressPorts/0'"),
    "a workspace nowhere": ({"workspace": {"create": True}}, "at '/workspace/spec': missing properties 'url', 'auth'"),
    "a workspace without a URL": (
        {"workspace": {"create": True, "spec": {"auth": SPEC["auth"]}}},
        "at '/workspace/spec': missing property 'url'",
    ),
    "a URL without a scheme": ({"workspace": {"spec": SPEC | {"url": "api.example.com"}}}, "at '/workspace/spec/url'"),
    "a workspace with no login at all": (
        {"workspace": {"spec": SPEC | {"auth": {}}}},
        "at '/workspace/spec/auth': minProperties: got 0, want 1",
    ),
    "a workspace with a token and a login": (
        {"workspace": {"spec": SPEC | {"auth": SPEC["auth"] | {"loginSecretRef": {"name": "login"}}}}},
        "at '/workspace/spec/auth': maxProperties: got 2, want 1",
    ),
    "a login's key that cannot be": (
        {"workspace": {"spec": SPEC | {"auth": {"loginSecretRef": {"name": "login", "emailKey": "a b"}}}}},
        "at '/workspace/spec/auth/loginSecretRef/emailKey'",
    ),
    "a workspace id that is a number": ({"workspace": {"spec": SPEC | {"workspaceId": 1}}}, "/spec/workspaceId'"),
    "a workspace name that cannot be": ({"workspace": {"name": "My workspace"}}, "at '/workspace/name'"),
}


@pytest.mark.parametrize(("values", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(helm: Helm, values: dict[str, Any], words: str) -> None:
    with pytest.raises(HelmError) as refused:
        helm.template(**values)

    assert words in str(refused.value)


def test_each_value_can_be_wrong() -> None:
    tried = {path for values, _ in WRONG.values() for path in leaves(values)}

    assert set(leaves()) - tried == set()


def test_every_list_of_properties_is_closed() -> None:
    everywhere = [*branches(SCHEMA), *branches({"properties": SCHEMA["definitions"], "additionalProperties": False})]

    open_ones = [path for path, schema in everywhere if schema.get("additionalProperties") is not False]
    assert open_ones == ["/global"], "a parent chart passes to all what is for some"


def test_values_and_schema_list_the_same() -> None:
    inner = {path: schema for path, schema in branches(SCHEMA) if path not in WHOLE}
    known = {f"{path}/{name}" for path, schema in inner.items() for name in schema["properties"]} - set(inner)

    assert set(leaves()) == known - {"/enabled"} | WHOLE


def test_every_value_says_what_it_is_for() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    values = [number for number, line in enumerate(lines) if re.match(r"^( {2})?[a-zA-Z]+: ", line)]

    def told(number: int) -> bool:
        indent = len(lines[number]) - len(lines[number].lstrip())
        return lines[number - 1].startswith(" " * indent + "# -- ")

    untold = [lines[number] for number in values if not told(number)]
    assert untold == ["  runAsNonRoot: true", "  allowPrivilegeEscalation: false", "  readOnlyRootFilesystem: true"]


def test_the_workspaces_spec_is_the_crds() -> None:
    crd = workspace_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    ours = SCHEMA["definitions"]["workspaceSpec"]["properties"]

    assert set(ours) == set(crd)
    for name, ref in crd["auth"]["properties"].items():
        known = ours["auth"]["properties"][name]
        known = SCHEMA["definitions"][known["$ref"].rpartition("/")[2]] if "$ref" in known else known
        assert set(known["properties"]) == set(ref["properties"])
    for name in ("workspaceId", "requestsPerMinute", "timeoutSeconds", "dialect"):
        for rule in ("pattern", "maxLength", "minimum", "maximum", "enum"):
            assert ours[name].get(rule) == crd[name].get(rule), f"{name}: {rule}"
