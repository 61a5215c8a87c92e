"""The CronJob's manifest: within the limits of Kubernetes, the same bytes for the same snapshot, and locked down."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import BORN, NOW, connected, marked, pictured, registered, synced

from sync_operator.api.constants import ANSWERED_RUN_REQUEST_ANNOTATION, APPLIED_ANNOTATION, SYNC_LABEL, SYNC_NAME
from sync_operator.api.field_patterns import DNS_NAME
from sync_operator.api.kinds.run import PodDefaults
from sync_operator.domain.scheduling.cronjob_manifest import (
    cronjob_manifest,
    cronjob_name,
    hashed_name,
    requested_job,
    sync_label,
)
from sync_operator.domain.snapshot import RunnerConfig, Snapshot
from sync_operator.syncapi.types import Dialect

DNS = re.compile(DNS_NAME)
LABEL = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
NAMES = st.from_regex(DNS, fullmatch=True).filter(lambda name: len(name) <= 253)
LONG = st.text("ab-.", min_size=40, max_size=253).map(lambda name: f"a{name.replace('-.', 'x').replace('.', 'y')}b")
SPECS: list[dict[str, Any]] = [
    {},
    {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *", "timeZone": "Asia/Tokyo"},
    {"scheduleType": "interval", "syncInterval": 5, "syncIntervalUnit": "hours"},
    {"scheduleType": "interval", "syncInterval": 30, "syncIntervalUnit": "minutes"},
]


def manifest(snapshot: Snapshot | None = None, *, suspended: bool = False) -> dict[str, Any]:
    return cronjob_manifest(snapshot or pictured(ours()), "7", suspended=suspended)


def ours(name: str = "orders", **spec: Any) -> Any:
    return synced(name, status=registered(), metadata=marked(), **SPECS[1] | spec)


def pod(made: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def environment(made: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in pod(made)["containers"][0]["env"]}


@given(NAMES | LONG)
def test_names_and_labels_are_within_the_limits_of_kubernetes(name: str) -> None:
    made = manifest(pictured(ours(name)))

    assert len(made["metadata"]["name"]) <= 52
    assert DNS.match(made["metadata"]["name"])
    template = made["spec"]["jobTemplate"]
    for metadata in (made["metadata"], template["metadata"], template["spec"]["template"]["metadata"]):
        assert metadata["annotations"][SYNC_NAME] == name
        for value in metadata["labels"].values():
            assert len(value) <= 63
            assert LABEL.match(value)
    job = requested_job(made, ours(name), "token", NOW)
    assert len(job["metadata"]["name"]) <= 63


@given(st.lists(NAMES | LONG, min_size=2, max_size=2, unique=True))
def test_two_names_stay_two(names: list[str]) -> None:
    one, other = names

    assert cronjob_name(one) != cronjob_name(other)
    assert sync_label(one) != sync_label(other)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("short", "short"),
        ("a" * 52, "a{52}"),
        ("a" * 53, "a{43}-[0-9a-f]{8}"),
        (f"{'a' * 41}.-{'b' * 20}", "a{41}-[0-9a-f]{8}"),
    ],
)
def test_a_long_name_is_cut_and_carries_a_hash(name: str, form: str) -> None:
    assert re.fullmatch(form, hashed_name(name, 52))


@given(st.sampled_from(SPECS), st.booleans(), st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz")))
def test_the_same_picture_gives_the_same_bytes(spec: dict[str, Any], suspended: bool, labels: dict[str, str]) -> None:
    run = {"pod": {"labels": labels, "nodeSelector": labels}}
    backwards = {"pod": {"nodeSelector": dict(reversed(labels.items())), "labels": dict(reversed(labels.items()))}}

    one = manifest(pictured(ours(**spec, run=run)), suspended=suspended)
    other = manifest(pictured(ours(**spec, run=backwards)), suspended=suspended)

    assert one["metadata"]["annotations"][APPLIED_ANNOTATION] == other["metadata"]["annotations"][APPLIED_ANNOTATION]
    assert json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.parametrize(
    "change",
    [
        {"run": {"retries": 1}},
        {"run": {"pod": {"serviceAccountName": "runner"}}},
        {"cronExpression": "1 6 * * *"},
        {"timeZone": "Etc/UTC"},
        {"run": {"startingDeadlineSeconds": 60}},
    ],
)
def test_every_change_of_the_manifest_changes_its_hash(change: dict[str, Any]) -> None:
    digests = {
        made["metadata"]["annotations"][APPLIED_ANNOTATION] for made in (manifest(), manifest(pictured(ours(**change))))
    }

    assert len(digests) == 2


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("suspended", [True, False])
def test_a_starting_deadline_goes_with_cron_lines_only(spec: dict[str, Any], suspended: bool) -> None:
    made = manifest(pictured(ours(**{"scheduleType": "manual"} | spec)), suspended=suspended)["spec"]

    # The controller would never start an @every whose deadline is shorter than its interval.
    every = made["schedule"].startswith("@every")
    never = made["schedule"] == "0 0 31 2 *"
    assert ("startingDeadlineSeconds" in made) is not (every or never)
    assert made["concurrencyPolicy"] == "Forbid"
    assert made["suspend"] is suspended
    assert made["timeZone"]


def test_what_the_spec_says_of_runs() -> None:
    run = {
        "timeout": "1h30m",
        "retries": 2,
        "startingDeadlineSeconds": 60,
        "successfulHistory": 5,
        "failedHistory": 1,
        "maxFailedRowsPercent": 2.5,
    }

    made = manifest(pictured(ours(run=run)))

    job = made["spec"]["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] == 3 * (5400 + 120), "each of the three tries has its time"
    assert job["backoffLimit"] == 2
    assert made["spec"]["startingDeadlineSeconds"] == 60
    assert (made["spec"]["successfulJobsHistoryLimit"], made["spec"]["failedJobsHistoryLimit"]) == (5, 1)
    assert environment(made)["SYNC_RUN_TIMEOUT"] == "1h30m"
    assert environment(made)["SYNC_MAX_FAILED_ROWS_PERCENT"] == "2.5"
    assert "activeDeadlineSeconds" not in manifest()["spec"]["jobTemplate"]["spec"]


def test_the_pod_may_do_nothing_but_run() -> None:
    spec = pod(manifest())

    [container] = spec["containers"]
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    drained, stopped, final = manifest()["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert drained == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert (stopped["action"], stopped["onExitCodes"]["values"]) == ("Ignore", [143]), "another pod follows the run"
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [2, 4]), "a retry changes nothing"


DEFAULTS = PodDefaults.model_validate(
    {
        "resources": {"requests": {"cpu": "50m"}, "limits": {"cpu": 1, "memory": "128Mi"}},
        "nodeSelector": {"pool": "batch", "disk": "slow"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "labels": {"cost": "data", "squared.ai/sync": "another"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "priorityClassName": "low",
    }
)


def test_all_run_pods_have_what_the_operator_gives_them() -> None:
    given = manifest(pictured(ours(), runner_config=RunnerConfig("runner:2", pod_defaults=DEFAULTS)))
    template, spec = given["spec"]["jobTemplate"]["spec"]["template"], pod(given)

    assert template["metadata"]["labels"]["cost"] == "data"
    assert template["metadata"]["labels"]["squared.ai/sync"] == "orders", "our own win"
    assert template["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "50m"},
        "limits": {"cpu": 1, "memory": "128Mi"},
    }
    assert spec["nodeSelector"] == {"pool": "batch", "disk": "slow"}
    assert spec["tolerations"] == [{"key": "batch", "operator": "Exists"}]
    assert spec["affinity"] == DEFAULTS.affinity
    assert spec["priorityClassName"] == "low"
    assert manifest(pictured(ours(), runner_config=RunnerConfig("runner:2", pod_defaults=PodDefaults()))) == manifest(
        pictured(ours(), runner_config=RunnerConfig("runner:2"))
    )


def test_what_a_sync_asks_for_goes_over_it() -> None:
    asked = {
        "resources": {"limits": {"memory": "1Gi"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "own"}],
        "labels": {"cost": "sales"},
        "annotations": {"a/b": "c"},
        "priorityClassName": "high",
    }
    snapshot = pictured(ours(run={"pod": asked}), runner_config=RunnerConfig("runner:2", pod_defaults=DEFAULTS))
    made = manifest(snapshot)
    template, spec = made["spec"]["jobTemplate"]["spec"]["template"], pod(made)

    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "50m"},
        "limits": {"cpu": 1, "memory": "1Gi"},
    }
    assert spec["nodeSelector"] == {"pool": "batch", "disk": "fast"}
    assert spec["tolerations"] == [{"key": "own"}]
    assert template["metadata"]["labels"]["cost"] == "sales"
    assert template["metadata"]["annotations"].items() >= {"a/b": "c", "sidecar.istio.io/inject": "false"}.items()
    assert spec["priorityClassName"] == "high"


def test_run_pods_take_their_proxies_from_a_secret_of_their_namespace() -> None:
    runner_config = RunnerConfig("runner:2", environment=(("LOG_FORMAT", "json"),), proxy_secret="sync-proxy")

    env = pod(manifest(pictured(ours(), runner_config=runner_config)))["containers"][0]["env"]

    refs = {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in env if "PROXY" in entry["name"]}
    assert refs == {
        "HTTPS_PROXY": {"name": "sync-proxy", "key": "HTTPS_PROXY", "optional": False},
        "HTTP_PROXY": {"name": "sync-proxy", "key": "HTTP_PROXY", "optional": True},
        "NO_PROXY": {"name": "sync-proxy", "key": "NO_PROXY", "optional": True},
    }


def test_the_pod_is_told_where_the_sync_is_and_never_the_token() -> None:
    workspace = connected(ca_secret=("authority", "bundle.pem"), token_secret=("login", "bearer"))
    made = manifest(pictured(ours(), workspace=workspace))

    told = environment(made)
    assert told["SYNC_ID"] == "7"
    assert told["SYNC_API_URL"] == "https://api.example.com"
    assert told["SYNC_API_WORKSPACE_ID"] == "1"
    assert told["SYNC_API_DIALECT"] == "Multiwoven"
    volumes = {entry["name"]: entry["secret"] for entry in pod(made)["volumes"]}
    assert volumes == {
        "token": {"secretName": "login", "items": [{"key": "bearer", "path": "token"}]},
        "ca": {"secretName": "authority", "items": [{"key": "bundle.pem", "path": "ca.crt"}]},
    }
    mounts = {entry["name"]: entry for entry in pod(made)["containers"][0]["volumeMounts"]}
    assert told["SYNC_API_TOKEN_FILE"] == f"{mounts['token']['mountPath']}/token"
    assert told["SYNC_API_CA_FILE"] == f"{mounts['ca']['mountPath']}/ca.crt"
    assert all(mount["readOnly"] and "subPath" not in mount for mount in mounts.values())


def test_what_is_not_known_is_not_told() -> None:
    workspace = connected(workspace_id=None, token_secret=None, dialect=Dialect.DOCUMENTED)

    told = environment(manifest(pictured(ours(), workspace=workspace)))

    assert not {"SYNC_API_WORKSPACE_ID", "SYNC_API_CA_FILE", "SYNC_API_TOKEN_FILE", "SYNC_RUN_TIMEOUT"} & set(told)


def test_what_the_controller_and_the_spec_add_to_the_pod() -> None:
    runner_config = RunnerConfig(
        "runner:2", pull_secrets=("common", "mine"), environment=(("HTTPS_PROXY", "http://proxy"),)
    )
    wanted = {
        "labels": {"team": "data", SYNC_LABEL: "forged"},
        "annotations": {"note": "x", SYNC_NAME: "forged"},
        "imagePullSecrets": [{"name": "mine"}, {"name": "other"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "serviceAccountName": "runner",
        "priorityClassName": "low",
        "resources": {"requests": {"cpu": "10m"}},
    }

    made = manifest(pictured(ours(run={"pod": wanted}), runner_config=runner_config))

    spec, metadata = pod(made), made["spec"]["jobTemplate"]["spec"]["template"]["metadata"]
    assert metadata["labels"]["team"] == "data"
    assert metadata["labels"][SYNC_LABEL] == "orders"
    assert metadata["annotations"] == {"note": "x", SYNC_NAME: "orders"}
    assert spec["imagePullSecrets"] == [{"name": "common"}, {"name": "mine"}, {"name": "other"}]
    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert spec["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert (spec["serviceAccountName"], spec["priorityClassName"]) == ("runner", "low")
    [container] = spec["containers"]
    assert container["resources"] == {"requests": {"cpu": "10m"}}
    assert container["image"] == "runner:2"
    assert environment(made)["HTTPS_PROXY"] == "http://proxy"


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_a_token_makes_one_job_however_often_it_is_asked(one: str, other: str) -> None:
    cronjob = manifest()
    cronjob["metadata"] |= {"uid": "cronjob", "creationTimestamp": BORN.isoformat()}

    job = requested_job(cronjob, ours(), one, NOW)

    again = requested_job(cronjob, ours(), other, NOW)
    assert (job["metadata"]["name"] == again["metadata"]["name"]) is (one == other)
    assert DNS.match(job["metadata"]["name"])
    assert job["metadata"]["annotations"][ANSWERED_RUN_REQUEST_ANNOTATION] == one
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    [owner] = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Sync", "uid-orders")
    [made], [known] = (
        each["template"]["spec"]["containers"] for each in (job["spec"], cronjob["spec"]["jobTemplate"]["spec"])
    )
    assert made["env"] == [*known["env"], {"name": "SYNC_RUN_SINCE", "value": "2026-01-31T12:00:00.000+00:00"}]
    made["env"] = known["env"]
    assert job["spec"] == cronjob["spec"]["jobTemplate"]["spec"]


def test_the_deadline_of_a_requested_job_has_room_to_wait_for_another_run() -> None:
    made = manifest(pictured(ours(run={"timeout": "1h", "retries": 2})))

    job = requested_job(made, ours(), "token", NOW)

    one_try = 3600 + 120
    assert made["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3 * one_try
    assert job["spec"]["activeDeadlineSeconds"] == 4 * one_try


def test_the_owner_is_this_sync_and_no_other_of_its_name() -> None:
    snapshot = pictured(ours())
    reborn = replace(snapshot, sync=replace(snapshot.sync, uid="another life"))

    assert [manifest(one)["metadata"]["ownerReferences"][0]["uid"] for one in (snapshot, reborn)] == [
        "uid-orders",
        "another life",
    ]
