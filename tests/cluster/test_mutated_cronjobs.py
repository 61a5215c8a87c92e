"""Admission policies and other writers that change CronJobs: told once, and put back only where that works."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.support.manifests import foreign_cronjob
from tests.support.plane import Kube
from tests.support.running import eventually
from tests.support.syncs import Tenant, condition

from sync_operator.model.names import SYNC_KIND

API = "admissionregistration.k8s.io/v1"
PODS = "spec: Object.spec.jobTemplate.spec.template.spec"


@pytest.fixture
def mutate(kube: Kube, tenant: Tenant) -> Iterator[Callable[[str], None]]:
    """Have an admission policy change every CronJob of the tenant's namespace, by an apply configuration in CEL."""
    with ExitStack() as undo:

        def make(expression: str) -> None:
            name = f"mutate-{tenant.namespace}"
            kube.resource("MutatingAdmissionPolicy", API).create(body=policy(name, tenant.namespace, expression))
            undo.callback(kube.resource("MutatingAdmissionPolicy", API).delete, name=name)
            kube.resource("MutatingAdmissionPolicyBinding", API).create(body=binding(name))
            undo.callback(kube.resource("MutatingAdmissionPolicyBinding", API).delete, name=name)

        yield make


def policy(name: str, namespace: str, expression: str) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["batch"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["cronjobs"],
                    }
                ]
            },
            "matchConditions": [{"name": "tenant", "expression": f"object.metadata.namespace == '{namespace}'"}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
        },
    }


def binding(name: str) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name},
    }


def looked_at(tenant: Tenant, **spec: Any) -> dict[str, Any]:
    """Have the operator look at the Sync once more; the Sync since then."""
    generation = tenant.patch(**spec)["metadata"]["generation"]

    def look() -> dict[str, Any] | None:
        sync = tenant.get()
        return sync if sync["status"].get("observedGeneration") == generation else None

    return eventually(look, "the Sync to be looked at")


def assert_left_alone(tenant: Tenant) -> dict[str, Any]:
    """The operator looks, writes nothing to the CronJob and warns of nothing; the Sync since then."""
    before = tenant.cronjob()
    sync = looked_at(tenant, freshness={"maxAge": "26h"})
    assert tenant.cronjob()["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert "DriftCorrected" not in tenant.events()
    assert condition(sync, "Scheduled")["reason"] == "Scheduled"
    return sync


def test_what_an_admission_policy_changes_is_told_once_and_left_as_it_is(
    tenant: Tenant, mutate: Callable[[str], None]
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

    message = condition(assert_left_alone(tenant), "Scheduled")["message"]

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
        "CronJob orders: spec.schedule was changed from outside and put back"
    )


def test_quantities_of_every_spelling_are_no_change_from_outside(tenant: Tenant) -> None:
    tenant.connect()
    amounts = {"limits": {"cpu": 2, "memory": "1e9"}, "requests": {"cpu": "+0.5", "memory": 1048576}}
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *", run={"pod": {"resources": amounts}})

    sync = assert_left_alone(tenant)

    assert condition(sync, "Scheduled")["message"] == "runs at '0 1 * * *' in time zone Etc/UTC"


def test_a_container_that_somebody_adds_is_told_and_not_fought_over(tenant: Tenant) -> None:
    tenant.connect()
    tenant.ready(scheduleType="cron_expression", cronExpression="0 1 * * *")
    pods = {"spec": {"containers": [{"name": "proxy", "image": "proxy"}]}}
    tenant.kube.batch.patch_namespaced_cron_job(
        "orders", tenant.namespace, {"spec": {"jobTemplate": {"spec": {"template": pods}}}}
    )

    message = condition(assert_left_alone(tenant), "Scheduled")["message"]

    assert "changes spec.jobTemplate.spec.template.spec.containers[proxy] of CronJob orders" in message
