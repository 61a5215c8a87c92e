"""What else than its own rights protects what the controller makes.

That nothing is denied to the controller of this folder is checked when it ends (`conftest.py`); that nothing is granted
which it never uses, when all tests have run (`tests/support/permissions.py`).
"""

from typing import Any, Final

import yaml
from tests.support.helm import RELEASE
from tests.support.plane import Plane
from tests.support.syncs import Tenant

CLERK: Final = "clerk"


def clerks_role(namespace: str, *more: dict[str, Any]) -> str:
    """A user who may make CronJobs, and has some more rights, as manifests."""
    about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": CLERK, "namespace": namespace}}
    rules = [{"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["create"]}, *more]
    role = {**about, "kind": "Role", "rules": rules}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": CLERK}
    binding = {**about, "kind": "RoleBinding", "roleRef": ref, "subjects": [{"kind": "User", "name": CLERK}]}
    return yaml.safe_dump_all([role, binding])


def test_who_makes_a_cronjob_of_a_sync_needs_the_right_to_its_finalizers(tenant: Tenant, plane: Plane) -> None:
    tenant.connect()
    tenant.ready()
    found = tenant.cronjob()
    kept = {key: found["metadata"][key] for key in ("labels", "ownerReferences")}
    spec = found["spec"]
    manifest = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": RELEASE, **kept}, "spec": spec}

    def create() -> str:
        done = plane.kubectl(
            "create", f"--as={CLERK}", "-n", tenant.namespace, "--dry-run=server", "-f", "-", stdin=yaml.dump(manifest)
        )
        return done.stdout or done.stderr

    plane.kubectl("apply", "-f", "-", stdin=clerks_role(tenant.namespace))
    assert "cannot set blockOwnerDeletion" in create()

    finalizers = {"apiGroups": ["squared.ai"], "resources": ["syncs/finalizers"], "verbs": ["update"]}
    plane.kubectl("apply", "-f", "-", stdin=clerks_role(tenant.namespace, finalizers))
    assert "created (server dry run)" in create()
