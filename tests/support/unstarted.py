"""Jobs whose pods a node cannot start, for reasons that only the kubelet sees."""

from typing import Final

from tests.support.syncs import Tenant

__all__ = ["ABSENT_IMAGE", "SPOILED", "spoiled"]

ABSENT_IMAGE: Final = "127.0.0.1:1/absent:1"
SPOILED: Final = ("image", "config", "mount")
"""What may be wrong with a pod, and the name of the Sync whose pod has it."""


def spoiled(tenant: Tenant, name: str) -> None:
    """Run a Sync by hand, by a Job that no kubelet can start a pod of."""
    template = tenant.cronjob(name)["spec"]["jobTemplate"]
    note = {"cronjob.kubernetes.io/instantiate": "manual"}
    metadata = template["metadata"] | {"name": f"{name}-1", "annotations": template["metadata"]["annotations"] | note}
    pod = template["spec"]["template"]["spec"]
    [container] = pod["containers"]
    match name:
        case "image":
            container["image"] = ABSENT_IMAGE
        case "config":
            container["env"].append({"name": "X", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "x"}}})
        case "mount":
            pod["volumes"].append({"name": "absent", "secret": {"secretName": "absent"}})
            container["volumeMounts"].append({"name": "absent", "mountPath": "/absent"})
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    tenant.kube.create(body, tenant.namespace)
