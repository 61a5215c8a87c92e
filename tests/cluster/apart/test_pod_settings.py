"""What pods may be given: the API server's rules for CronJobs, ours for Syncs, and `validate` find the same."""

from itertools import product
from typing import Any, Final

import pytest
from tests.support.judging import controller_takes
from tests.support.manifests import sync_manifest
from tests.support.plane import Kube, Refusal

from sync_operator.api.constants import SYNC_KIND

type Pod = dict[str, Any]

KEYS: Final = (
    *("a", "A", "a-b", "a_b", "a.b", "a b", "-a", "a-", "", "a/b", "a.b/c", "a.b/C", "A.b/c", "a_b/c", "a/b/c", "/a"),
    *("a/", "a.b/", "a..b/c", ".a/b", "é", "a:b", "x" * 63, "x" * 64, "a/" + "x" * 63, "a/" + "x" * 64, "1", "a/1"),
    *("d" * 253 + "/a", "d" * 254 + "/a", "a\nb", "kubernetes.io/a"),
)
VALUES: Final = ("", "a", "a b", "-a", "A_b.c", "x" * 63)
AMOUNTS: Final[tuple[int | str, ...]] = (
    0,
    1,
    2,
    -1,
    "-1",
    "+1",
    "1.5",
    "500m",
    "1500m",
    "2000m",
    "1e3",
    "1Gi",
    "0",
    "1n",
)
NAMES: Final = (
    *("cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "hugepages-", "storage", "pods", "foo", "CPU", "gpu"),
    *("nvidia.com/gpu", "requests.nvidia.com/gpu", "kubernetes.io/batch-cpu", "a b/c", "a/b/c", "nvidia.com/", "/gpu"),
    *("requests.cpu", "limits.cpu", "example.com/Foo", "x" * 64, "a.b/" + "x" * 64, "d" * 244 + "/a", "d" * 245 + "/a"),
)


PAIR: Final = ("operator", "key", "value")


def keyed() -> list[Pod]:
    """Labels, annotations and node selectors."""
    values = [{"nodeSelector": {"a": value}} for value in VALUES] + [{"labels": {"a": value}} for value in VALUES]
    return [{field: {key: "v"}} for field in ("labels", "annotations", "nodeSelector") for key in KEYS] + values


def tolerating() -> list[Pod]:
    ends: tuple[Pod, ...] = (
        {},
        {"effect": "NoExecute", "tolerationSeconds": 5},
        {"effect": "NoSchedule", "tolerationSeconds": 5},
        {"tolerationSeconds": 5},
    )
    given = product((None, "Exists", "Equal"), (None, "", "a", "a b"), (None, "", "v", "a b"))
    pairs = [{name: one for name, one in zip(PAIR, values, strict=True) if one is not None} for values in given]
    return [{"tolerations": [pair | end]} for pair in pairs for end in ends]


def resourced() -> list[Pod]:
    """Names alone and amounts alone; then requests beside limits."""
    alone = [{kind: {name: 1}} for kind in ("limits", "requests") for name in NAMES]
    amounts = [{"limits": {name: amount}} for name in ("cpu", "nvidia.com/gpu") for amount in AMOUNTS]
    pairs = [
        {"requests": {name: request}, "limits": {name: limit}}
        for name in ("cpu", "memory", "nvidia.com/gpu", "kubernetes.io/batch-cpu")
        for request, limit in product((1, "500m", "1Gi", "2"), (1, "1000m", "2"))
    ]
    huge = [
        {"limits": {"hugepages-2Mi": "4Mi", other: "1"}, "requests": {"hugepages-2Mi": request}}
        for other in ("cpu", "memory", "ephemeral-storage")
        for request in ("4Mi", "2Mi")
    ]
    return [{"resources": one} for one in (*alone, *amounts, *pairs, *huge)]


SETTINGS: Final = (*keyed(), *tolerating(), *resourced())


def cronjob(pod: Pod) -> dict[str, Any]:
    """A CronJob whose pods are given that."""
    metadata: Pod = {name: pod[name] for name in ("labels", "annotations") if name in pod}
    spec: Pod = {name: pod[name] for name in ("nodeSelector", "tolerations") if name in pod}
    container = {"name": "runner", "image": "x", "resources": pod.get("resources", {})}
    inner: Pod = {"restartPolicy": "Never", "containers": [container], **spec}
    template = {"metadata": metadata, "spec": inner}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "pods"},
        "spec": {"schedule": "0 6 * * *", "jobTemplate": {"spec": {"template": template}}},
    }


def refusal(kube: Kube, manifest: dict[str, Any]) -> str:
    """Why the API server does not take it; empty where it does."""
    try:
        kube.create(manifest, "default", dry_run=True)
    except Refusal as error:
        return error.message
    return ""


@pytest.mark.timeout(300)
def test_pods_are_refused_at_the_sync_where_the_cronjob_would_be(kube: Kube) -> None:
    wrong, refused = [], 0
    for pod in SETTINGS:
        manifest = sync_manifest("pods", run={"pod": pod})
        words = [refusal(kube, cronjob(pod)), refusal(kube, manifest)]
        ours = controller_takes(SYNC_KIND, "pods", manifest["spec"])
        refused += bool(words[0])
        if bool(words[0]) is not bool(words[1]) or bool(words[1]) is ours:
            wrong.append((pod, *words, f"read: {ours}"))

    assert wrong == []
    assert len(SETTINGS) >= 400
    assert 100 <= refused <= len(SETTINGS) - 100
