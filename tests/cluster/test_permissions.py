"""What the controller asked the API server for in all of these tests, as the chart's service account.

`conftest.py` puts these tests at the end of the suite.
"""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.support.helm import RELEASE
from tests.support.permissions import RARE, UNUSED, denied, granted, requests, used
from tests.support.plane import Plane
from tests.support.running import Controller
from tests.support.syncs import Tenant

SUITE: Final = Path(__file__).parent
CLERK: Final = "clerk"


def is_whole(request: pytest.FixtureRequest) -> bool:
    """True when every test of this folder was to run."""
    config = request.config
    parts = config.option.keyword or config.option.markexpr or any("::" in argument for argument in config.args)
    return not parts and {item.path for item in request.session.items} >= set(SUITE.glob("test_*.py"))


def test_nothing_was_denied(plane: Plane, controller: Controller) -> None:
    assert controller.log.exists()
    asked = requests(plane)

    assert asked
    assert denied(asked) == []


def test_nothing_is_granted_that_was_not_used(
    plane: Plane, controller: Controller, request: pytest.FixtureRequest
) -> None:
    if not is_whole(request):
        pytest.skip("only the whole suite uses everything: pytest tests/cluster")
    assert controller.log.exists()

    assert granted(plane, "clusterrole") - used(requests(plane)) - set(RARE) == set(UNUSED)


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
