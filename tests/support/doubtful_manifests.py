"""Manifests that are taken and hardly meant: the API server, `validate` and condition Ready warn of them."""

from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.manifests import merged, sync_manifest

__all__ = ["DOUBTFUL_SYNCS", "Doubtful"]

_MAPPING: Final = {"from": "email", "to": "mail", "mapping_type": "standard"}
_EVERY: Final = {"syncInterval": 5, "syncIntervalUnit": "minutes"}
_DAILY: Final = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *"}


@dataclass(frozen=True, slots=True)
class Doubtful:
    """One kind of manifest.

    Attributes:
        changes: to the spec of a good one.
        warned: the path of each field that must be named; what is said of it is in `tests/unit/messages.txt`.
        annotations: of the Sync.
    """

    name: str
    changes: dict[str, Any]
    warned: tuple[str, ...] = ()
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def sync(self) -> dict[str, Any]:
        return merged(sync_manifest(self.name, **self.changes), {"metadata": {"annotations": self.annotations}})


def _entries(*entries: Any) -> dict[str, Any]:
    return {"configuration": [_MAPPING, *entries]}


DOUBTFUL_SYNCS: Final = (
    Doubtful("good", {"configuration": [_MAPPING]}),
    Doubtful("an-object", {}),
    Doubtful("texts", _entries("email", "name"), ("configuration[1]", "configuration[2]")),
    Doubtful("no-type", _entries({"from": "a", "to": "b"}), ("configuration[1]",)),
    Doubtful("camel", _entries({"from": "a", "to": "b", "mappingType": "standard"}), ("configuration[1]",)),
    Doubtful("null-type", _entries(_MAPPING | {"mapping_type": None}), ("configuration[1]",)),
    Doubtful("standart", _entries(_MAPPING | {"mapping_type": "standart"}), ("configuration[1]",)),
    Doubtful("type-7", _entries(_MAPPING | {"mapping_type": 7}), ("configuration[1]",)),
    Doubtful("no-to", _entries({"from": "a", "mapping_type": "static"}), ("configuration[1]",)),
    Doubtful("cron-manual", {"cronExpression": "@daily"}, ("cronExpression",)),
    Doubtful("cron-interval", _EVERY | {"scheduleType": "interval", "cronExpression": "@daily"}, ("cronExpression",)),
    Doubtful("interval-cron", _EVERY | _DAILY, ("syncInterval",)),
    Doubtful("interval-auto", _EVERY | _DAILY | {"scheduleType": "automated"}, ("syncInterval",)),
    Doubtful("auto", _EVERY | {"scheduleType": "automated"}),
    Doubtful("zone-cron", _DAILY | {"timeZone": "Europe/Berlin"}),
    Doubtful("zone-interval", _EVERY | {"scheduleType": "interval", "timeZone": "Europe/Berlin"}, ("timeZone",)),
    Doubtful("incremental", {"syncMode": "incremental"}, ("cursorField",)),
    Doubtful("cursor", {"syncMode": "incremental", "cursorField": "updated_at"}),
    Doubtful(
        "server",
        _DAILY | {"scheduler": "Server", "run": {"timeout": "1h", "startTimeout": "5m", "retries": 2}},
        ("run.timeout", "run.startTimeout", "run.retries"),
    ),
    Doubtful("fresh", _EVERY | {"scheduleType": "interval", "freshness": {"maxAge": "5m1s"}}),
    Doubtful(
        "stale",
        _EVERY | {"scheduleType": "interval", "freshness": {"maxAge": "5m"}},
        ("freshness.maxAge",),
    ),
    Doubtful(
        "stale-weeks",
        {
            "scheduleType": "automated",
            "freshness": {"maxAge": "671h59m"},
            "syncInterval": 4,
            "syncIntervalUnit": "weeks",
        },
        ("freshness.maxAge",),
    ),
    Doubtful("fresh-manual", {"scheduleType": "manual", "freshness": {"maxAge": "1h"}}),
    Doubtful(
        "fresh-cron",
        _EVERY | _DAILY | {"scheduleType": "automated", "freshness": {"maxAge": "1m"}},
        ("syncInterval",),
    ),
    Doubtful("server-bare", _DAILY | {"scheduler": "Server"}),
    Doubtful("memory", {"run": {"pod": {"resources": {"limits": {"memory": "128Mi", "cpu": "100m"}}}}}),
    Doubtful("bytes", {"run": {"pod": {"resources": {"limits": {"memory": 134217728}}}}}),
    Doubtful(
        "thousandths",
        {"run": {"pod": {"resources": {"requests": {"memory": "64m"}, "limits": {"memory": "128m"}}}}},
        ("run.pod.resources.limits.memory", "run.pod.resources.requests.memory"),
    ),
    Doubtful("ours", {}, annotations={"squared.ai/run-requested-at": "1", "example.com/run": "1"}),
    Doubtful(
        "misspelt",
        {},
        ("metadata.annotations[squared.ai/run-requested]",),
        {"squared.ai/run-requested": "1"},
    ),
)
