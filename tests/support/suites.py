"""Which tests `make test` leaves to `make test-all`, and what takes long in both: one table, by measured seconds.

Measured on two cores. A figure is right when the order is: what takes longest starts first.
"""

from typing import Final

__all__ = ["LONG", "WEIGHT", "is_long"]

LONG: Final[dict[str, int]] = {
    # A control plane or controllers of their own, hundreds of Syncs, or the minutes of a real schedule.
    "tests/cluster/test_pressure.py": 250,
    "tests/cluster/test_safe_time.py": 115,
    "tests/cluster/test_costs.py": 65,
    "tests/cluster/test_docs.py": 110,
    "tests/cluster/test_export.py": 35,
    "tests/cluster/test_gitops.py": 40,
    "tests/cluster/test_plan.py": 40,
    "tests/cluster/test_starts.py": 45,
    "tests/cluster/test_login.py": 70,
    "tests/cluster/test_restart.py": 70,
    "tests/cluster/test_runs.py": 200,
    "tests/cluster/test_names.py": 110,
    "tests/cluster/test_plugin_runs.py": 110,
    "tests/cluster/apart/test_clocks.py": 30,
    "tests/cluster/apart/test_probes.py": 55,
    "tests/cluster/apart/test_leader.py": 55,
    "tests/cluster/apart/test_backlog.py": 25,
    "tests/cluster/apart/test_patience.py": 30,
    "tests/cluster/apart/test_secret_watch.py": 30,
    "tests/cluster/apart/test_late_answers.py": 25,
    "tests/cluster/apart/test_an_hour.py": 50,
    "tests/cluster/apart/test_restart_at_size.py": 240,
    "tests/cluster/test_masks.py": 90,
    "tests/helm/test_rbac.py": 130,
    "tests/helm/test_demo.py": 30,
    "tests/helm/test_install.py": 65,
    "tests/helm/test_lease.py": 60,
    "tests/helm/test_policies.py": 65,
    "tests/helm/test_reuse_values.py": 20,
    "tests/helm/test_each_value.py": 20,
    # A whole table once more, by the API server itself or by Kubernetes' own library.
    "tests/cluster/apart/test_validate.py": 60,
    "tests/cluster/apart/test_kubectl.py": 25,
    "tests/cluster/apart/test_pod_settings.py": 25,
    "tests/differential/test_next_runs.py": 110,
    "tests/differential/test_intervals.py": 45,
    "tests/differential/test_dialect.py": 20,
    # A process for each example, a state machine, ten thousand of something.
    "tests/contract/test_runner_process.py": 120,
    "tests/contract/test_runner_kills.py": 40,
    "tests/contract/test_docs_of_tools.py": 60,
    "tests/contract/test_outbound.py": 60,
    "tests/contract/test_export.py": 30,
    "tests/contract/test_definitions.py": 35,
    "tests/unit/domain/test_world.py": 80,
    "tests/unit/controller/test_steps.py": 60,
    "tests/unit/controller/workspace/test_shared_gates.py": 70,
}
"""Files of `make test-all`, and their seconds. Every other file of pyproject's testpaths is one of `make test`."""

WEIGHT: Final[dict[str, int]] = LONG | {
    "tests/cluster/test_registration.py": 100,
    "tests/cluster/test_drift.py": 90,
    "tests/cluster/test_deletion.py": 50,
    "tests/cluster/test_adoption.py": 50,
    "tests/cluster/test_mutated_cronjobs.py": 30,
    "tests/cluster/test_kubeconfig.py": 30,
    "tests/cluster/test_plugin_access.py": 20,
    "tests/cluster/test_plugin_status.py": 25,
    "tests/cluster/test_plugin_tree.py": 30,
    "tests/cluster/test_mistakes.py": 45,
    "tests/cluster/test_identity.py": 20,
    "tests/cluster/test_metrics.py": 20,
    "tests/cluster/test_permissions.py": 20,
    "tests/cluster/test_kustomize.py": 20,
    "tests/cluster/apart/test_bad_manifests.py": 40,
    "tests/cluster/apart/test_core_tasks.py": 25,
    "tests/cluster/test_pipeline.py": 60,
    "tests/cluster/test_pipeline_order.py": 60,
    "tests/cluster/apart/test_connectors.py": 60,
    "tests/cluster/apart/test_models.py": 30,
    "tests/cluster/apart/test_references.py": 40,
}
"""Seconds of all files that take long; those that are not named take a few."""


def is_long(nodeid: str) -> bool:
    """Whether a test is left to `make test-all`."""
    return nodeid.partition("::")[0] in LONG
