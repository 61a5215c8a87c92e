"""What has become of a CronJob: a field that is ours by server-side apply stays as it is, any other is put back."""

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.messages import Messages
from tests.support.snapshots import ours, pictured

from sync_operator.api.constants import FIELD_MANAGER
from sync_operator.domain.actions import ApplyCronJob, Difference
from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest
from sync_operator.domain.scheduling.field_ownership import differences, restored, stays_different

POD = "spec.jobTemplate.spec.template.spec"
KEYS = {
    "ownerReferences": "uid",
    "containers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
}
"""Lists of which each element has an owner, and by what they are told apart; the others have one owner each."""
RESOURCES = {"limits": {"cpu": "1", "memory": "1Gi"}}
MANIFEST = cronjob_manifest(pictured(ours(run={"pod": {"resources": RESOURCES}})), "7", suspended=False)


def fields(value: Any, name: str = "") -> dict[str, Any]:
    """The ``fieldsV1`` that the API server writes of what was applied."""
    if isinstance(value, dict):
        return {f"f:{key}": fields(inner, key) for key, inner in value.items()}
    if isinstance(value, list) and name in KEYS:
        key = KEYS[name]
        return {f'k:{{"{key}":"{element[key]}"}}': {".": {}, **fields(element)} for element in value}
    return {}


def made(*, applied: bool = True) -> dict[str, Any]:
    """The CronJob as it is after the apply; or after somebody else made the same one."""
    live = copy.deepcopy(MANIFEST)
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields(MANIFEST)}
    live["metadata"]["managedFields"] = [entry] if applied else []
    live["metadata"]["resourceVersion"] = "5"
    live["spec"]["jobTemplate"]["spec"]["completionMode"] = "NonIndexed"
    return live


def pod(live: dict[str, Any]) -> Any:
    return live["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def image(live: dict[str, Any]) -> None:
    pod(live)["containers"][0]["image"] = "mirror.example.com/it@sha256:1"


def history(live: dict[str, Any]) -> None:
    live["spec"]["successfulJobsHistoryLimit"] = 1


def context(live: dict[str, Any]) -> None:
    pod(live)["securityContext"]["runAsNonRoot"] = False


def variable(live: dict[str, Any]) -> None:
    pod(live)["containers"][0]["env"][0]["value"] = "8"


def rules(live: dict[str, Any]) -> None:
    live["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"].pop()


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "image": (image, f"{POD}.containers[runner].image"),
    "history": (history, "spec.successfulJobsHistoryLimit"),
    "security context": (context, f"{POD}.securityContext.runAsNonRoot"),
    "variable": (variable, f"{POD}.containers[runner].env[SYNC_ID].value"),
    "rules": (rules, "spec.jobTemplate.spec.podFailurePolicy.rules"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_an_admission_policy_changed_in_our_apply_stays(what: str, messages: Messages) -> None:
    change, place = CHANGES[what]
    live = made()
    change(live)

    assert differences(MANIFEST, live) == (Difference(place, stays=True),)
    messages.text("Scheduled", stays_different(MANIFEST, live))


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_not_ours_any_more_is_put_back_and_told_once_it_is(what: str, messages: Messages) -> None:
    live = made(applied=False)
    CHANGES[what][0](live)

    found = differences(MANIFEST, live)
    assert [difference.stays for difference in found] == [False]
    action = ApplyCronJob("orders", MANIFEST, found)
    messages.text("DriftCorrected", restored(action, made()))
    assert restored(action, live) == "", "an apply that changed nothing has put nothing back"
    assert stays_different(MANIFEST, live) == ""


def test_what_was_put_back_is_told_with_both_values_and_whose_change_it_was(messages: Messages) -> None:
    live = made()
    history(live)
    variable(live)
    owned = live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    del owned["f:successfulJobsHistoryLimit"]
    [container] = owned["f:jobTemplate"]["f:spec"]["f:template"]["f:spec"]["f:containers"].values()
    [value] = [entry for key, entry in container["f:env"].items() if "SYNC_ID" in key]
    del value["f:value"]
    live["metadata"]["managedFields"] += [
        {
            "manager": "kubectl-edit",
            "operation": "Update",
            "fieldsV1": {"f:spec": {"f:successfulJobsHistoryLimit": {}}},
        },
        {"manager": "controller", "operation": "Update", "subresource": "status", "fieldsV1": {"f:spec": {}}},
    ]

    told = restored(ApplyCronJob("orders", MANIFEST, differences(MANIFEST, live)), made())

    messages.text("DriftCorrected", told)
    assert f"{POD}.containers[runner].env[SYNC_ID].value was" in told, "a variable may hold a secret"


def test_a_field_that_somebody_else_has_taken_over_is_put_back_beside_one_that_stays() -> None:
    live = made()
    image(live)
    history(live)
    del live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:successfulJobsHistoryLimit"]

    assert set(differences(MANIFEST, live)) == {
        Difference("spec.successfulJobsHistoryLimit", stays=False),
        Difference(f"{POD}.containers[runner].image", stays=True),
    }


def test_a_container_beside_ours_is_told_by_its_name_and_stays() -> None:
    live = made()
    pod(live)["containers"].insert(0, {"name": "istio-proxy", "image": "proxy"})

    assert differences(MANIFEST, live) == (Difference(f"{POD}.containers[istio-proxy]", stays=True),)


def test_a_variable_that_somebody_took_out_is_put_back() -> None:
    live = made()
    [container] = pod(live)["containers"]
    gone = container["env"].pop(1)["name"]
    owned = live["metadata"]["managedFields"][0]["fieldsV1"]
    for key in ("f:spec", "f:jobTemplate", "f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"runner"}'):
        owned = owned[key]
    del owned["f:env"][f'k:{{"name":"{gone}"}}']

    assert differences(MANIFEST, live) == (Difference(f"{POD}.containers[runner].env", stays=False),)


def test_many_places_are_not_all_named(messages: Messages) -> None:
    live = made()
    live["spec"] |= {
        "schedule": "1 1 1 1 1",
        "timeZone": "Asia/Tokyo",
        "concurrencyPolicy": "Allow",
        "suspend": True,
        "successfulJobsHistoryLimit": 0,
        "failedJobsHistoryLimit": 0,
    }

    messages.text("Scheduled", stays_different(MANIFEST, live))


SAME: list[tuple[Any, Any]] = [
    ("1", "1000m"),
    (1, "1"),
    (0.5, "500m"),
    ("+1", "1"),
    ("-0", "0"),
    ("1e3", "1k"),
    ("1E3", "1k"),
    ("1e-3", "1m"),
    ("0.5", "500m"),
    (".5", "500m"),
    ("1.", "1"),
    ("1Gi", "1024Mi"),
    ("0.5Gi", "512Mi"),
    ("1k", "1000"),
    ("1M", "1000k"),
    ("1Ki", "1024"),
    ("1E", "1000P"),
    ("1000000u", "1"),
    ("1000000000n", "1"),
]
DIFFERENT = [("1", "1k"), ("1Gi", "1G"), ("100m", "100M"), ("1", "1.5"), ("1Mi", "1Ki"), ("1", "1x"), ("x", "y")]


@pytest.mark.parametrize(
    ("written", "answered", "same"), [(*pair, True) for pair in SAME] + [(*pair, False) for pair in DIFFERENT]
)
def test_amounts(written: Any, answered: Any, same: bool) -> None:
    for one, other in ((written, answered), (answered, written)):
        wanted, found = (
            {"metadata": {}, "spec": {"resources": {"limits": {"cpu": amount}}}} for amount in (one, other)
        )
        assert (differences(wanted, found) == ()) is same


@given(st.decimals(0, 1000, places=3), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_trailing_zeros_mean_nothing(amount: Decimal, unit: str) -> None:
    wanted, found = ({"metadata": {}, "spec": {"resources": f"{amount}{zeros}{unit}"}} for zeros in ("", "000"))

    assert differences(wanted, found) == ()


def test_only_resources_are_quantities() -> None:
    wanted, found = ({"metadata": {}, "spec": {"value": value}} for value in ("1000m", "1"))

    assert differences(wanted, found) == (Difference("spec.value", stays=False),)
