"""Manifests that ask for what cannot be: refused by the API server, or taken and stalled with `InvalidSpec`."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from tests.support.manifests import (
    BY_NAME,
    REMOVED,
    connector_manifest,
    model_manifest,
    sync_manifest,
    workspace_manifest,
)

__all__ = ["BAD_SYNCS", "BAD_WORKSPACES", "GOOD_SYNCS", "GOOD_WORKSPACES", "Bad", "Judge"]


class Judge(Enum):
    """Who says no."""

    SERVER = "refused"
    OPERATOR = "stalls"


@dataclass(frozen=True, slots=True)
class Bad:
    """One kind of bad manifest.

    Attributes:
        changes: to the spec of a good one.
        field: the path that must be named.
        words: what must be said, remedy included.
    """

    name: str
    changes: dict[str, Any]
    field: str
    words: str
    judge: Judge = Judge.SERVER

    @property
    def sync(self) -> dict[str, Any]:
        return sync_manifest(self.name, **self.changes)

    @property
    def connector(self) -> dict[str, Any]:
        return connector_manifest(self.name, **self.changes)

    @property
    def model(self) -> dict[str, Any]:
        return model_manifest(self.name, **self.changes)

    @property
    def workspace(self) -> dict[str, Any]:
        return workspace_manifest(self.name, **self.changes)


_EVERY: Final = {"syncInterval": 5, "syncIntervalUnit": "minutes"}
_SECRET: Final = {"name": "keys", "key": "one"}


def _cron(line: str) -> dict[str, Any]:
    return {"scheduleType": "cron_expression", "cronExpression": line}


def _pod(**fields: Any) -> dict[str, Any]:
    return {"run": {"pod": fields}}


BAD_SYNCS: Final = (
    # The fields of the API.
    Bad("no-source", {"sourceId": REMOVED}, "spec.sourceId", "Required value"),
    Bad("no-source-by-name", {"sourceId": REMOVED}, "spec.sourceId", "sourceRef.serverName to a name that the server"),
    Bad("no-destination", {"destinationId": REMOVED}, "spec.destinationId", "Required value"),
    Bad("no-model", {"modelId": REMOVED}, "spec.modelId", "Required value"),
    Bad("source-twice", {"sourceRef": {"serverName": "a"}}, "spec.sourceRef", "beside sourceId; remove one of the two"),
    Bad(
        "destination-twice",
        {"destinationRef": {"serverName": "a"}},
        "spec.destinationRef",
        "beside destinationId; remove",
    ),
    Bad("model-twice", {"modelRef": {"serverName": "a"}}, "spec.modelRef", "beside modelId; remove one of the two"),
    Bad("nameless", BY_NAME | {"modelRef": {}}, "spec.modelRef.name", "set serverName to a name that the server shows"),
    Bad(
        "two-names", BY_NAME | {"modelRef": {"name": "a", "serverName": "a"}}, "spec.modelRef.serverName", "beside name"
    ),
    Bad("name-of-the-server", BY_NAME | {"modelRef": {"name": "My Customers"}}, "spec.modelRef.name", "as serverName"),
    Bad("empty-name", BY_NAME | {"modelRef": {"serverName": ""}}, "spec.modelRef.serverName", "at least 1 chars"),
    Bad("long-name", BY_NAME | {"modelRef": {"serverName": "x" * 256}}, "spec.modelRef.serverName", "255"),
    Bad("name-for-an-object", BY_NAME | {"modelRef": "Customers"}, "spec.modelRef", "must be of type object"),
    Bad(
        "name-of-numbers",
        BY_NAME | {"modelRef": {"serverName": 5}},
        "spec.modelRef.serverName",
        "must be of type string",
    ),
    Bad("id-in-a-ref", BY_NAME | {"sourceRef": {"serverName": "a", "id": 5}}, "spec.sourceRef.id", "unknown field"),
    Bad("no-stream", {"streamName": REMOVED}, "spec.streamName", "Required value"),
    Bad("no-configuration", {"configuration": REMOVED}, "spec.configuration", "Required value"),
    Bad("zero-id", {"sourceId": 0}, "spec.sourceId", "greater than or equal to 1"),
    Bad("negative-id", {"destinationId": -7}, "spec.destinationId", "greater than or equal to 1"),
    Bad("text-id", {"modelId": "3"}, "spec.modelId", "must be of type integer"),
    Bad("fraction-id", {"modelId": 3.5}, "spec.modelId", "must be of type integer"),
    Bad("wrong-type", {"scheduleType": "Manual"}, "spec.scheduleType", '"automated", "interval"'),
    Bad("wrong-mode", {"syncMode": "full"}, "spec.syncMode", '"full_refresh", "incremental"'),
    Bad("empty-stream", {"streamName": ""}, "spec.streamName", "at least 1 chars"),
    Bad("long-stream", {"streamName": "x" * 1025}, "spec.streamName", "1024"),
    Bad("text-configuration", {"configuration": "a: b"}, "spec.configuration", "may not be more than 0"),
    Bad("number-configuration", {"configuration": 7}, "spec.configuration", "less than or equal to 0"),
    Bad("zero-configuration", {"configuration": 0}, "spec.configuration", "greater than or equal to 1"),
    Bad("bool-configuration", {"configuration": True}, "spec.configuration", "must not validate the schema"),
    Bad("null-configuration", {"configuration": None}, "spec.configuration", "Required value"),
    Bad("long-configuration", {"configuration": [{}] * 1025}, "spec.configuration", "1024"),
    # The schedule.
    Bad("no-unit", {"syncInterval": 5}, "spec.syncIntervalUnit", "set it to minutes, hours, days or weeks"),
    Bad("no-number", {"syncIntervalUnit": "days"}, "spec.syncInterval", "set it to a number"),
    Bad("zero-interval", _EVERY | {"syncInterval": 0}, "spec.syncInterval", "greater than or equal to 1"),
    Bad("huge-interval", _EVERY | {"syncInterval": 9_000_000}, "spec.syncInterval", "less than or equal to"),
    Bad("wrong-unit", _EVERY | {"syncIntervalUnit": "minute"}, "spec.syncIntervalUnit", '"minutes", "hours"'),
    Bad("interval-without", {"scheduleType": "interval"}, "spec.syncInterval", "'interval' needs it"),
    Bad(
        "interval-with-cron",
        {"scheduleType": "interval", "cronExpression": "@daily"},
        "spec.syncInterval",
        "'interval' needs it; set syncInterval",
    ),
    Bad("cron-without", {"scheduleType": "cron_expression", **_EVERY}, "spec.cronExpression", "set it to a cron line"),
    Bad("automated-without", {"scheduleType": "automated"}, "spec.scheduleType", "set cronExpression, or syncInterval"),
    Bad("cron-four-fields", _cron("0 6 * *"), "spec.cronExpression", "write minute (0-59)"),
    Bad("cron-six-fields", _cron("0 0 6 * * *"), "spec.cronExpression", "write minute (0-59)"),
    Bad("cron-hour-24", _cron("0 24 * * *"), "spec.cronExpression", "hour (0-23)"),
    Bad("cron-sunday-7", _cron("0 6 * * 7"), "spec.cronExpression", "day of week (0-6 or SUN-SAT)"),
    Bad("cron-last-day", _cron("0 6 L * *"), "spec.cronExpression", "day of month (1-31)"),
    Bad("cron-step-0", _cron("*/0 * * * *"), "spec.cronExpression", "write minute (0-59)"),
    Bad("cron-prose", _cron("every day"), "spec.cronExpression", "one of @hourly"),
    Bad("cron-reboot", _cron("@reboot"), "spec.cronExpression", "one of @hourly"),
    Bad("cron-every", _cron("@every 45m"), "spec.cronExpression", "use syncInterval with syncIntervalUnit"),
    Bad("cron-zone", _cron("TZ=UTC 0 6 * * *"), "spec.cronExpression", "write the zone into timeZone"),
    Bad("cron-empty", _cron(""), "spec.cronExpression", "at least 1 chars"),
    Bad("cron-long", _cron("0 6 * * " + "1," * 150), "spec.cronExpression", "256"),
    Bad("cron-unused", {"cronExpression": "nonsense"}, "spec.cronExpression", "one of @hourly"),
    Bad(
        "cron-backwards",
        _cron("0 22-4 * * *"),
        "spec.cronExpression",
        "write two ranges, such as 22-23,0-4",
        Judge.OPERATOR,
    ),
    Bad("zone-unknown", {"timeZone": "Mars/Base"}, "spec.timeZone", "write an IANA name", Judge.OPERATOR),
    Bad("zone-case", {"timeZone": "europe/berlin"}, "spec.timeZone", "did you mean 'Europe/Berlin'", Judge.OPERATOR),
    Bad(
        "zone-offset", {"timeZone": "+02:00"}, "spec.timeZone", "not a time zone that Kubernetes knows", Judge.OPERATOR
    ),
    Bad("zone-empty", {"timeZone": ""}, "spec.timeZone", "at least 1 chars"),
    Bad(
        "interval-of-ages",
        {"syncInterval": 600, "syncIntervalUnit": "weeks"},
        "spec.syncInterval",
        "check syncIntervalUnit",
        Judge.OPERATOR,
    ),
    # What no database of a server stores.
    Bad("nul-value", {"configuration": {"a": ["x\0"]}}, "spec.configuration", "remove it", Judge.OPERATOR),
    Bad("nul-key", {"configuration": [{"a\0": "x"}]}, "spec.configuration", "remove it", Judge.OPERATOR),
    Bad("nul-stream", {"streamName": "a\0"}, "spec.streamName", "remove it", Judge.OPERATOR),
    Bad("nul-cursor", {"cursorField": "\0"}, "spec.cursorField", "remove it", Judge.OPERATOR),
    # The operator's own fields.
    Bad("unknown-field", {"sourceID": 1}, "spec.sourceID", "unknown field"),
    Bad("unknown-deep", _pod(image="mine"), "spec.run.pod.image", "unknown field"),
    Bad("wrong-scheduler", {"scheduler": "Cron"}, "spec.scheduler", '"CronJob", "Server"'),
    Bad("wrong-deletion", {"deletionPolicy": "Orphan"}, "spec.deletionPolicy", '"Delete", "Retain"'),
    Bad("wrong-drift", {"driftPolicy": "correct"}, "spec.driftPolicy", '"Correct", "Report", "Ignore"'),
    Bad("text-suspend", {"suspend": "true"}, "spec.suspend", "must be of type boolean"),
    Bad("external-words", {"externalId": "sync-9"}, "spec.externalId", "write its digits, in quotes"),
    Bad("external-number", {"externalId": 9}, "spec.externalId", "must be of type string"),
    Bad("workspace-name", {"workspaceRef": {"name": "Prod_1"}}, "spec.workspaceRef.name", "write lower-case letters"),
    Bad("timeout-days", {"run": {"timeout": "1d"}}, "spec.run.timeout", "write it like 1h30m, 45m or 90s"),
    Bad("start-timeout", {"run": {"startTimeout": "1d"}}, "spec.run.startTimeout", "write it like 1h30m, 45m or 90s"),
    Bad("timeout-zero", {"run": {"timeout": "0m"}}, "spec.run.timeout", "write it like 1h30m"),
    Bad("short-deadline", {"run": {"startingDeadlineSeconds": 9}}, "spec.run.startingDeadlineSeconds", "equal to 30"),
    Bad("percent-above", {"run": {"maxFailedRowsPercent": 100.5}}, "spec.run.maxFailedRowsPercent", "equal to 100"),
    Bad("percent-below", {"run": {"maxFailedRowsPercent": -1}}, "spec.run.maxFailedRowsPercent", "equal to 0"),
    Bad("retries-below", {"run": {"retries": -1}}, "spec.run.retries", "equal to 0"),
    Bad(
        "bad-quantity",
        _pod(resources={"limits": {"memory": "lots"}}),
        "spec.run.pod.resources.limits",
        "such as m, Mi or Gi",
    ),
    Bad("bad-label", _pod(labels={"team": "a b"}), "spec.run.pod.labels.team", "with a letter or digit at both ends"),
    Bad("bad-label-key", _pod(labels={"a b": "c"}), "spec.run.pod.labels", "has a key that Kubernetes does not take"),
    Bad("bad-note-key", _pod(annotations={"a b": "c"}), "spec.run.pod.annotations", "a key is letters, digits"),
    Bad("bad-node-key", _pod(nodeSelector={"a b": "c"}), "spec.run.pod.nodeSelector", "a key is letters, digits"),
    Bad(
        "bad-toleration",
        _pod(tolerations=[{"operator": "Exists", "key": "a", "value": "b"}]),
        "spec.run.pod.tolerations",
        "remove the value, or use Equal",
    ),
    Bad(
        "seconds-without-effect",
        _pod(tolerations=[{"key": "a", "tolerationSeconds": 5}]),
        "spec.run.pod.tolerations",
        "add the effect, or remove the seconds",
    ),
    Bad(
        "negative-amount",
        _pod(resources={"requests": {"cpu": "-1"}}),
        "spec.run.pod.resources.requests",
        "has an amount below zero",
    ),
    Bad(
        "unknown-resource",
        _pod(resources={"limits": {"foo": "1"}}),
        "spec.run.pod.resources.limits",
        "has a resource that a container cannot have",
    ),
    Bad(
        "part-of-a-device",
        _pod(resources={"limits": {"nvidia.com/gpu": "0.5"}}),
        "spec.run.pod.resources.limits",
        "write a whole number",
    ),
    Bad(
        "device-without-limit",
        _pod(resources={"requests": {"nvidia.com/gpu": "1"}}),
        "spec.run.pod.resources.limits",
        "must have each device",
    ),
    Bad(
        "request-above-limit",
        _pod(resources={"requests": {"cpu": "2"}, "limits": {"cpu": 1}}),
        "spec.run.pod.resources.requests",
        "asks for more than its limit",
    ),
    Bad("bad-effect", _pod(tolerations=[{"effect": "Evict"}]), "spec.run.pod.tolerations[0].effect", '"NoSchedule"'),
    Bad("fresh-without", {"freshness": {}}, "spec.freshness.maxAge", "Required value"),
    Bad("fresh-zero", {"freshness": {"maxAge": "0h"}}, "spec.freshness.maxAge", "write it like 1h30m"),
    Bad(
        "secret-pointer",
        {"configurationSecrets": [{"pointer": "a", "secretKeyRef": _SECRET}]},
        "spec.configurationSecrets[0].pointer",
        "begin with /",
    ),
    Bad(
        "secret-half",
        {"configurationSecrets": [{"pointer": "/a"}]},
        "spec.configurationSecrets[0].secretKeyRef",
        "Required value",
    ),
    Bad(
        "secret-twice",
        {"configurationSecrets": [{"pointer": "/a", "secretKeyRef": _SECRET}] * 2},
        "spec.configurationSecrets[1]",
        "Duplicate value",
    ),
)
"""Every one differs from a good Sync in the one thing it is about."""

BAD_WORKSPACES: Final = (
    Bad("both-auths", {"auth": {"loginSecretRef": {"name": "login"}}}, "spec.auth", "remove one of the two"),
    Bad("no-auth", {"auth": {"tokenSecretRef": REMOVED}}, "spec.auth", "exactly one of tokenSecretRef and"),
    Bad("auth-missing", {"auth": REMOVED}, "spec.auth", "Required value"),
    Bad("auth-nameless", {"auth": {"tokenSecretRef": {"name": REMOVED}}}, "spec.auth.tokenSecretRef.name", "Required"),
    Bad("url-missing", {"url": REMOVED}, "spec.url", "Required value"),
    Bad("url-scheme", {"url": "ftp://api.example.com"}, "spec.url", "write it like https://api.squared.ai"),
    Bad("url-user", {"url": "https://me:pass@api.example.com"}, "spec.url", "write it like https://api.squared.ai"),
    Bad("url-hostless", {"url": "https:///api"}, "spec.url", "write it like https://api.squared.ai"),
    Bad("url-query", {"url": "https://api.example.com/?a=b"}, "spec.url", "write it like https://api.squared.ai"),
    Bad("url-long", {"url": "https://api.example.com/" + "x" * 2048}, "spec.url", "2048"),
    Bad("workspace-words", {"workspaceId": "main"}, "spec.workspaceId", "write its digits, in quotes"),
    Bad("wrong-dialect", {"dialect": "multiwoven"}, "spec.dialect", '"Auto", "Documented", "Multiwoven"'),
    Bad("no-budget", {"requestsPerMinute": 0}, "spec.requestsPerMinute", "equal to 1"),
    Bad("long-wait", {"timeoutSeconds": 61}, "spec.timeoutSeconds", "equal to 60"),
    Bad(
        "key-form",
        {"auth": {"tokenSecretRef": {"key": "a/b"}}},
        "spec.auth.tokenSecretRef.key",
        "write letters, digits",
    ),
    Bad("unknown-field", {"token": "abc"}, "spec.token", "unknown field"),
)

_INTERVAL: Final = {"scheduleType": "interval", "syncInterval": 45, "syncIntervalUnit": "minutes"}

GOOD_SYNCS: Final[dict[str, dict[str, Any]]] = {
    "least": {},
    "by-name": BY_NAME,
    "model-by-name": {"modelId": REMOVED, "modelRef": {"serverName": " any \"name\", 'quoted', in Zürich "}},
    "interval": _INTERVAL,
    "interval-and-cron": _INTERVAL | {"cronExpression": "0 6 * * *"},
    "automated-both": _INTERVAL | {"scheduleType": "automated", "cronExpression": "@hourly"},
    "cron-names": _cron("30 6 1,15 JAN-jun mon-FRI"),
    "cron-odd-but-right": _cron(" ?\t5,,6 */90 +1 0/2 "),
    "cron-never": _cron("0 0 31 2 *"),
    "empty-object": {"configuration": {}},
    "empty-list": {"configuration": []},
    "backslash": {"configuration": {"a\\x00": "\\0 \\u0000"}},
    "list": {"configuration": [{"from": "a", "to": "b", "mapping_type": "standard"}]},
    "deep": {"configuration": {"a": {"b": [None, True, 1.5, "x" * 5000]}}},
    "wide": {"configuration": {f"column_{number}": f"field_{number}" for number in range(1000)}},
    "everything": {
        "configuration": {"a": {}, "0": {}},
        "syncMode": "incremental",
        "cursorField": "updated_at",
        "configurationSecrets": [
            {"pointer": "/a/b~1c", "secretKeyRef": _SECRET},
            {"pointer": "/0/key", "secretKeyRef": _SECRET},
        ],
        "workspaceRef": {"name": "prod.eu"},
        "externalId": "17",
        "timeZone": "America/Argentina/Buenos_Aires",
        "suspend": True,
        "suspendReason": "audit until Friday",
        "scheduler": "Server",
        "deletionPolicy": "Retain",
        "driftPolicy": "Ignore",
        "freshness": {"maxAge": "26h"},
        "run": {
            "timeout": "1h30m",
            "retries": 2,
            "startingDeadlineSeconds": 30,
            "successfulHistory": 0,
            "failedHistory": 1,
            "maxFailedRowsPercent": 0.5,
            "pod": {
                "resources": {"requests": {"cpu": 1, "memory": "64Mi"}, "limits": {"memory": "0.5Gi"}},
                "nodeSelector": {"kubernetes.io/arch": "amd64"},
                "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
                "serviceAccountName": "runs",
                "labels": {"team": "growth"},
                "annotations": {"note": "any text: at all"},
                "imagePullSecrets": [{"name": "registry"}],
                "priorityClassName": "low",
            },
        },
    },
}

GOOD_WORKSPACES: Final[dict[str, dict[str, Any]]] = {
    "token": {},
    "login": {
        "auth": {"tokenSecretRef": REMOVED, "loginSecretRef": {"name": "l", "emailKey": "e", "passwordKey": "p"}}
    },
    "everything": {
        "url": "http://sandbox.demo.svc:8080/base",
        "workspaceId": "12",
        "auth": {"tokenSecretRef": {"key": "api-token"}},
        "dialect": "Multiwoven",
        "caSecretRef": {"name": "ca"},
        "requestsPerMinute": 1000,
        "timeoutSeconds": 5,
        "suspend": True,
    },
    "six": {"url": "https://[2001:db8::1]:8443"},
}
