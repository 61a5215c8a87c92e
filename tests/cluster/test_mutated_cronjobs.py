"""Admission policies and other writers that change CronJobs: told once, and put back only where that works."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.support.admission import bind, mutating
from tests.support.manifests import foreign_cronjob
from tests.support.plane import Kube, Plane
from tests.support.running import eventually
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND


@pytest.fixture
def mutate(kube: Kube, tenant: Tenant) -> Iterator[Callable[[str], None]]:
    """Have an admission policy change every CronJob of the tenant's namespace, by an apply configuration in CEL."""
    with ExitStack() as undo:

        def make(expression: str) -> None:
            here = f"object.metadata.namespace == '{tenant.namespace}'"
            for resource, name in bind(kube, mutating(f"mutate-{tenant.namespace}", "cronjobs", expression, here)):
                undo.callback(resource.delete, name=name)

        yield make


def looked_at(tenant: Tenant, **spec: Any) -> dict[str, Any]:
    """Have the operator look at the Sync once more; the Sync since then."""
    generation = tenant.patch(**spec)["metadata"]["generation"]

    def look() -> dict[str, Any] | None:
        sync = tenant.get()
        return sync if sync["status"].get("observedGeneration") == generation else None

    return eventually(look, "the Sync to be looked at")


def assert_left_alone(tenant: Tenant, plane: Plane) -> dict[str, Any]:
    """The operator looks, writes nothing to the CronJob and warns of nothing; the Sync since then."""
    since = plane.audit_log.stat().st_size
    sync = looked_at(tenant, freshness={"maxAge": "26h"})
    written = plane.operator_writes(since, tenant.namespace)
    assert [entry["verb"] for entry in written if entry["objectRef"]["resource"] == "cronjobs"] == []
    assert "DriftCorrected" not in tenant.events()
    assert condition(sync, "Scheduled")["reason"] == "Scheduled"
    return sync


def test_what_an_admission_policy_changes_is_told_once_and_left_as_it_is(
    tenant: Tenant, plane: Plane, mutate: Callable[[str], None]
) -> None:
    mutate(
        "Object{spec: Object.spec{successfulJobsHistoryLimit: 1, jobTemplate: Object.spec.jobTemplate{spec: "
        "Object.spec.jobTemplate.spec{template: Object.spec.jobTemplate.spec.template{spec: "
        "Object.spec.jobTemplate.spec.template.spec{containers: [Object.spec.jobTemplate.spec.template.spec.containers{"
        'name: "runner", image: "mirror.example.com/it@sha256:1"}]}}}}}}'
    )
    probe = foreign_cronjob("probe")
    eventually(
        lambda: tenant.kube.create(probe, tenant.namespace, dry_run=True)["spec"]["successfulJobsHistoryLimit"] == 1,
        "the policy to be in force",
    )
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")

    message = condition(assert_left_alone(tenant, plane), "Scheduled")["message"]

    image = "spec.jobTemplate.spec.template.spec.containers[runner].image"
    assert message.startswith(
        "runs at '0 1 * * *' in time zone Etc/UTC; an admission policy or another writer changes "
    )
    assert f"{image} of CronJob orders" in message
    assert "spec.successfulJobsHistoryLimit" in message
    # What somebody changes by hand is put back all the same.
    tenant.kube.batch.patch_namespaced_cron_job("orders", tenant.namespace, {"spec": {"schedule": "0 5 * * *"}})
    eventually(lambda: tenant.cronjob()["spec"]["schedule"] == "0 1 * * *", "the schedule to be put back")
    sync = tenant.when(SYNC_KIND, "orders", "Scheduled", reason="DriftCorrected")
    assert condition(sync, "Scheduled")["message"].endswith(
        'CronJob orders: spec.schedule from "0 1 * * *" to "0 5 * * *" (by OpenAPI-Generator) was changed from outside '
        "and put back; change the spec of this Sync instead, from which the CronJob is made"
    )


def test_quantities_of_every_spelling_are_no_change_from_outside(tenant: Tenant, plane: Plane) -> None:
    tenant.connect()
    amounts = {"limits": {"cpu": 2, "memory": "1e9"}, "requests": {"cpu": "+0.5", "memory": 1048576}}
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *", run={"pod": {"resources": amounts}})

    sync = assert_left_alone(tenant, plane)

    assert condition(sync, "Scheduled")["message"] == "runs at '0 1 * * *' in time zone Etc/UTC"


def test_a_container_that_somebody_adds_is_told_and_not_fought_over(tenant: Tenant, plane: Plane) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")
    pods = {"spec": {"containers": [{"name": "proxy", "image": "proxy"}]}}
    tenant.kube.batch.patch_namespaced_cron_job(
        "orders", tenant.namespace, {"spec": {"jobTemplate": {"spec": {"template": pods}}}}
    )

    message = condition(assert_left_alone(tenant, plane), "Scheduled")["message"]

    assert "changes spec.jobTemplate.spec.template.spec.containers[proxy] of CronJob orders" in message
