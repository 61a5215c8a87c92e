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
        warned: the path of each field that must be named, with the beginning of what must be said.
        annotations: of the Sync.
    """

    name: str
    changes: dict[str, Any]
    warned: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def sync(self) -> dict[str, Any]:
        return merged(sync_manifest(self.name, **self.changes), {"metadata": {"annotations": self.annotations}})


def _entries(*entries: Any) -> dict[str, Any]:
    return {"configuration": [_MAPPING, *entries]}


DOUBTFUL_SYNCS: Final = (
    Doubtful("good", {"configuration": [_MAPPING]}),
    Doubtful("an-object", {}),
    Doubtful("texts", _entries("email", "name"), dict.fromkeys(("configuration[1]", "configuration[2]"), "is no map")),
    Doubtful("no-type", _entries({"from": "a", "to": "b"}), {"configuration[1]": "has no mapping_type"}),
    Doubtful(
        "camel", _entries({"from": "a", "to": "b", "mappingType": "standard"}), {"configuration[1]": "has no map"}
    ),
    Doubtful("null-type", _entries(_MAPPING | {"mapping_type": None}), {"configuration[1]": "has no mapping_type"}),
    Doubtful("standart", _entries(_MAPPING | {"mapping_type": "standart"}), {"configuration[1]": "has a mapping_type"}),
    Doubtful("type-7", _entries(_MAPPING | {"mapping_type": 7}), {"configuration[1]": "has a mapping_type that"}),
    Doubtful("no-to", _entries({"from": "a", "mapping_type": "static"}), {"configuration[1]": "has no 'to'"}),
    Doubtful("cron-manual", {"cronExpression": "@daily"}, {"cronExpression": "is not used"}),
    Doubtful(
        "cron-interval", _EVERY | {"scheduleType": "interval", "cronExpression": "@daily"}, {"cronExpression": "is not"}
    ),
    Doubtful("interval-cron", _EVERY | _DAILY, {"syncInterval": "is not used"}),
    Doubtful("interval-auto", _EVERY | _DAILY | {"scheduleType": "automated"}, {"syncInterval": "is not used"}),
    Doubtful("auto", _EVERY | {"scheduleType": "automated"}),
    Doubtful("zone-cron", _DAILY | {"timeZone": "Europe/Berlin"}),
    Doubtful(
        "zone-interval", _EVERY | {"scheduleType": "interval", "timeZone": "Europe/Berlin"}, {"timeZone": "is not used"}
    ),
    Doubtful("incremental", {"syncMode": "incremental"}, {"cursorField": "is missing"}),
    Doubtful("cursor", {"syncMode": "incremental", "cursorField": "updated_at"}),
    Doubtful(
        "server",
        _DAILY | {"scheduler": "Server", "run": {"timeout": "1h", "startTimeout": "5m", "retries": 2}},
        dict.fromkeys(("run.timeout", "run.startTimeout", "run.retries"), "is not used with scheduler 'Server'"),
    ),
    Doubtful("server-bare", _DAILY | {"scheduler": "Server"}),
    Doubtful("memory", {"run": {"pod": {"resources": {"limits": {"memory": "128Mi", "cpu": "100m"}}}}}),
    Doubtful("bytes", {"run": {"pod": {"resources": {"limits": {"memory": 134217728}}}}}),
    Doubtful(
        "thousandths",
        {"run": {"pod": {"resources": {"requests": {"memory": "64m"}, "limits": {"memory": "128m"}}}}},
        dict.fromkeys(
            ("run.pod.resources.limits.memory", "run.pod.resources.requests.memory"), "is in thousandths of a byte"
        ),
    ),
    Doubtful("ours", {}, annotations={"squared.ai/run-requested-at": "1", "example.com/run": "1"}),
    Doubtful(
        "misspelt",
        {},
        {"metadata.annotations[squared.ai/run-requested]": "is none that the operator knows"},
        {"squared.ai/run-requested": "1"},
    ),
)
