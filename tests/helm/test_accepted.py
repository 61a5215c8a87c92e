"""A real API server takes what the chart renders."""

from typing import Any, Final

import pytest
import yaml
from kubernetes import client
from tests.support.helm import EVERYTHING, Helm, the
from tests.support.plane import Kube, Plane, Refusal

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}

MONITORING: Final = {"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"}
"""Kinds of the Prometheus operator. Its own CRDs would check our specs too; these stand-ins only know the kinds."""


POD: Final[dict[str, Any]] = {
    "deploymentAnnotations": {"reloader.stakater.com/auto": "true"},
    "podLabels": {"cost": "data"},
    "extraVolumes": [{"name": "ca", "configMap": {"name": "bundle"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
    "hostNetwork": True,
    "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["api.example.com"]}],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "runner": {"resources": {"limits": {"memory": "128Mi"}}, "labels": {"cost": "data"}},
}
"""Values that the controller's pod is made of."""


@pytest.fixture(scope="session")
def monitored(plane: Plane) -> Plane:
    """The plane, which knows the kinds of the Prometheus operator."""
    group = "monitoring.coreos.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crds = [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind},
                "versions": [version],
            },
        }
        for plural, kind in MONITORING.items()
    ]
    applied = plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.dump_all(crds))
    assert applied.returncode == 0, applied.stderr
    names = [f"{plural}.{group}" for plural in MONITORING]
    established = plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", *names)
    assert established.returncode == 0, established.stderr
    return plane


@pytest.mark.parametrize("values", [{}, EVERYTHING | POD], ids=["defaults", "everything"])
def test_the_api_server_takes_every_object(
    helm: Helm, monitored: Plane, namespace: str, values: dict[str, Any]
) -> None:
    watched = {"watchNamespaces": [namespace] if "watchNamespaces" in values else []}
    rendered = helm.template(namespace=namespace, **values | {"crds": {}} | watched)

    taken = monitored.kubectl(
        "apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.dump_all(rendered)
    )

    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.count("(server dry run)") == len(rendered)
    assert "Warning" not in taken.stderr


@pytest.fixture
def restricted(kube: Kube, namespace: str) -> str:
    """A namespace that enforces Pod Security `restricted`."""
    kube.core.patch_namespace(namespace, client.V1Namespace(metadata=client.V1ObjectMeta(labels=RESTRICTED)))
    return namespace


def controllers_pod(helm: Helm, kube: Kube, namespace: str, **values: Any) -> dict[str, Any]:
    """The pod that the Deployment makes, and for it the service account."""
    rendered = helm.template(namespace=namespace, **values)
    kube.create(the("ServiceAccount", rendered), namespace)
    template = the("Deployment", rendered)["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "controller"}}


def test_the_controllers_pod_is_restricted(helm: Helm, kube: Kube, restricted: str) -> None:
    pod = controllers_pod(helm, kube, restricted)

    taken = kube.create(pod, restricted, dry_run=True)

    assert taken["spec"]["serviceAccountName"] == "op-sync-operator"
    assert any(volume["name"].startswith("kube-api-access") for volume in taken["spec"]["volumes"])


def test_a_pod_that_is_not_restricted_would_be_refused(helm: Helm, kube: Kube, restricted: str) -> None:
    pod = controllers_pod(helm, kube, restricted, podSecurityContext={"runAsNonRoot": None})

    with pytest.raises(Refusal, match="violates PodSecurity"):
        kube.create(pod, restricted, dry_run=True)
