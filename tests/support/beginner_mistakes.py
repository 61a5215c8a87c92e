"""What people get wrong in their first days: each mistake, where they look, and what must be said to them there.

A mistake scores 2 where the one message names the field and what to write instead, 1 where it does one of the two.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from tests.support.manifests import (
    BY_NAME,
    REMOVED,
    connector_manifest,
    merged,
    model_manifest,
    sync_manifest,
    workspace_manifest,
)
from tests.support.syncs import MAPPING

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

__all__ = ["ADOPTED", "CRONJOB_KIND", "MISTAKES", "NO_MISTAKES", "SERVED", "STREAMLESS", "Look", "Mistake", "score"]


class Look(Enum):
    """Where the person looks."""

    REFUSED = "kubectl apply fails"
    WARNED = "kubectl apply prints a warning"
    GET = "column MESSAGE of kubectl get -o wide"
    DESCRIBE = "conditions and events of kubectl describe"
    VALIDATE = "sync-operator validate, where the cluster's own words are all that kubectl has"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    Attributes:
        name: of the Sync or Workspace too.
        look: where the person looks.
        names: the path of the field that the message must name.
        remedy: words of what to do.
        sync: changes to the spec of a good Sync; None where it is about a Workspace.
        workspace: changes to the spec of a good Workspace of the same name, which the Sync, if any, refers to.
        connector: changes to the spec of a good Connector; None where it is not about one.
        model: changes to the spec of a good Model; None where it is not about one.
        annotations: of the object.
        secrets: Secrets that there are, by name.
        then: changes to the spec that are made once it is Ready.
        root: laid over the whole manifest.
        cronjob: changes that are made to the spec of its CronJob once it is Ready.
        repointed: changes that are made to the spec of its Workspace once it is Ready.
        deleted: kinds whose object of this name is deleted then.
    """

    name: str
    look: Look
    names: str
    remedy: str
    sync: dict[str, Any] | None = None
    workspace: dict[str, Any] | None = None
    connector: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    then: dict[str, Any] | None = None
    root: dict[str, Any] = field(default_factory=dict)
    cronjob: dict[str, Any] | None = None
    repointed: dict[str, Any] | None = None
    deleted: tuple[str, ...] = ()

    @property
    def by_hand(self) -> bool:
        """Whether something is done to it, or to what it needs, once it is Ready."""
        return self.cronjob is not None or self.repointed is not None or bool(self.deleted)

    @property
    def kind(self) -> str:
        """Kind of the object that is looked at."""
        if self.connector is not None:
            return "connector"
        if self.model is not None:
            return "model"
        return "workspace" if self.sync is None else "sync"

    @property
    def manifests(self) -> list[dict[str, Any]]:
        """What is applied, the object that is looked at last; ``url`` of a Workspace stands for the sandbox's."""
        found = [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
            for name, values in self.secrets.items()
        ]
        about = {"metadata": {"annotations": self.annotations}} if self.annotations else {}
        if self.workspace is not None:
            spec = {"url": SERVED, "workspaceId": "1", "requestsPerMinute": 100_000}
            changed = merged(workspace_manifest(self.name, **spec), {"spec": self.workspace})
            found.append(merged(merged(changed, about), self.root) if self.sync is None else changed)
        if self.sync is not None:
            ref = {} if self.workspace is None else {"workspaceRef": {"name": self.name}}
            spec = {"configuration": MAPPING, **ref, **self.sync}
            found.append(merged(merged(sync_manifest(self.name, **spec), about), self.root))
        if self.connector is not None:
            found.append(merged(merged(connector_manifest(self.name, **self.connector), about), self.root))
        if self.model is not None:
            found.append(merged(merged(model_manifest(self.name, **self.model), about), self.root))
        return found


def score(said: str, names: str, remedy: str) -> int:
    """How much of it is told: the field, and what to do."""
    return (names in said) + (remedy in said)


CRONJOB_KIND: Final = "CronJob"
SERVED: Final = "http://served.invalid"
"""Stands for the sandbox's URL."""
ADOPTED: Final = "1"
"""Id of the sync that the first Sync of all is registered as."""
STREAMLESS: Final = 77
"""A destination with one stream, `contacts`."""

_EVERY: Final = {"scheduleType": "interval", "syncInterval": 5, "syncIntervalUnit": "minutes"}
_DAILY: Final = {"scheduleType": "cron_expression", "cronExpression": "0 6 * * *"}
_VALUE: Final = {"name": "keys", "key": "one"}


def _cron(line: str) -> dict[str, Any]:
    return _DAILY | {"cronExpression": line}


def _pod(**fields: Any) -> dict[str, Any]:
    return {"run": {"pod": fields}}


def _mapping(*entries: Any) -> dict[str, Any]:
    return {"configuration": list(entries)}


def _token(name: str, **key: str) -> dict[str, Any]:
    return {"auth": {"tokenSecretRef": {"name": name, **key}}}


def _login(name: str) -> dict[str, Any]:
    return {"auth": {"tokenSecretRef": REMOVED, "loginSecretRef": {"name": name}}}


_REFUSED, _WARNED, _GET, _DESCRIBE = Look.REFUSED, Look.WARNED, Look.GET, Look.DESCRIBE

_WORDS_OF_KUBERNETES: Final = (
    Mistake("typo", Look.VALIDATE, "spec.cronExpresion", "cronExpression", sync={"cronExpresion": "0 6 * * *"}),
    Mistake("api-name", Look.VALIDATE, "spec.source_id", "sourceId", sync={"source_id": 1}),
    Mistake("image", Look.VALIDATE, "spec.run.pod.image", "did you mean", sync=_pod(image="mine")),
    Mistake("inline-token", Look.VALIDATE, "spec.auth.token", "tokenSecretRef", workspace={"auth": {"token": "abc"}}),
    Mistake(
        "version", Look.VALIDATE, "apiVersion", "squared.ai/v1", sync={}, root={"apiVersion": "squared.ai/v1beta1"}
    ),
    Mistake(
        "mapping-text", Look.VALIDATE, "spec.configuration", "an object or a list", sync={"configuration": "from: id"}
    ),
)
"""Kubernetes refuses these before anything of ours is asked, in words that nobody can change; it names the field."""

_SYNCS: Final = (
    # Ids and names.
    Mistake("id-in-quotes", _REFUSED, "spec.sourceId", "must be of type integer", sync={"sourceId": "1"}),
    Mistake("id-zero", _REFUSED, "spec.modelId", "greater than or equal to 1", sync={"modelId": 0}),
    Mistake(
        "no-model",
        _REFUSED,
        "spec.modelId",
        "modelRef.serverName to a name that the server shows",
        sync={"modelId": REMOVED},
    ),
    Mistake("model-twice", _REFUSED, "spec.modelRef", "remove one of the two", sync={"modelRef": {"serverName": "a"}}),
    Mistake("ref-is-text", _REFUSED, "spec.modelRef", "must be of type object", sync=BY_NAME | {"modelRef": "Orders"}),
    Mistake(
        "no-such-name",
        _GET,
        "spec.modelRef.serverName",
        "did you mean 'Customers'",
        sync=BY_NAME | {"modelRef": {"serverName": "Custumers"}},
    ),
    Mistake(
        "other-case",
        _GET,
        "spec.modelRef.serverName",
        "'Customers'",
        sync=BY_NAME | {"modelRef": {"serverName": "customers"}},
    ),
    Mistake(
        "name-twice",
        _GET,
        "spec.sourceRef.serverName",
        "spec.sourceId",
        sync=BY_NAME | {"sourceRef": {"serverName": "Twice"}},
    ),
    Mistake(
        "name-looks-the-same",
        _GET,
        "spec.sourceRef.serverName",
        "has U+00A0 where the spec has U+0020",
        sync=BY_NAME | {"sourceRef": {"serverName": "My Shop"}},
    ),
    Mistake("no-such-model", _GET, "spec.modelId", "write the id of one of its models", sync={"modelId": 9999}),
    Mistake("no-such-source", _GET, "spec.sourceId", "write the id of one of its sources", sync={"sourceId": 9999}),
    Mistake(
        "no-such-stream",
        _GET,
        "spec.streamName",
        "valid stream_name",
        sync={"destinationId": STREAMLESS, "streamName": "nosuch"},
    ),
    Mistake("no-stream", _REFUSED, "spec.streamName", "Required value", sync={"streamName": REMOVED}),
    Mistake("external-number", _REFUSED, "spec.externalId", "must be of type string", sync={"externalId": 42}),
    Mistake("external-words", _REFUSED, "spec.externalId", "write its digits", sync={"externalId": "sync-42"}),
    Mistake("external-nothing", _GET, "spec.externalId", "write the id of one that is", sync={"externalId": "4242"}),
    Mistake("external-taken", _GET, "spec.externalId", "delete one of the two", sync={"externalId": ADOPTED}),
    # The mapping.
    Mistake("no-mapping", _GET, "spec.configuration", "map at least one column", sync=_mapping()),
    Mistake("columns", _WARNED, "spec.configuration", "{from: COLUMN, to: FIELD", sync=_mapping("email", "name")),
    Mistake(
        "no-type", _WARNED, "spec.configuration", "mapping_type: standard", sync=_mapping({"from": "a", "to": "b"})
    ),
    Mistake(
        "camel-type",
        _WARNED,
        "spec.configuration",
        "mapping_type: standard",
        sync=_mapping({"from": "a", "to": "b", "mappingType": "standard"}),
    ),
    Mistake(
        "standart",
        _WARNED,
        "spec.configuration",
        "standard, static, template or vector",
        sync=_mapping({"from": "a", "to": "b", "mapping_type": "standart"}),
    ),
    Mistake(
        "no-to", _WARNED, "spec.configuration", "add to:", sync=_mapping({"from": "a", "mapping_type": "standard"})
    ),
    Mistake(
        "pointer-form",
        _REFUSED,
        "spec.configurationSecrets[0].pointer",
        "/0/embedding_config/api_key",
        sync={"configurationSecrets": [{"pointer": "api_key", "secretKeyRef": _VALUE}]},
    ),
    Mistake(
        "pointer-nowhere",
        _GET,
        "spec.configurationSecrets",
        "configuration",
        sync={"configurationSecrets": [{"pointer": "/9/api_key", "secretKeyRef": _VALUE}]},
        secrets={"keys": {"one": "x"}},
    ),
    Mistake(
        "value-without-secret",
        _GET,
        "spec.configurationSecrets[0].secretKeyRef.name",
        "create it",
        sync={"configurationSecrets": [{"pointer": "/0/key", "secretKeyRef": {"name": "nothing", "key": "a"}}]},
    ),
    Mistake(
        "value-without-key",
        _GET,
        "spec.configurationSecrets[0].secretKeyRef.key",
        "add it",
        sync={"configurationSecrets": [{"pointer": "/0/key", "secretKeyRef": {"name": "keys", "key": "two"}}]},
        secrets={"keys": {"one": "x"}},
    ),
    # The schedule.
    Mistake("no-schedule-type", _REFUSED, "spec.scheduleType", "Required value", sync={"scheduleType": REMOVED}),
    Mistake("type-cron", _REFUSED, "spec.scheduleType", '"cron_expression"', sync={"scheduleType": "cron"}),
    Mistake("type-case", _REFUSED, "spec.scheduleType", '"manual"', sync={"scheduleType": "Manual"}),
    Mistake(
        "no-line", _REFUSED, "spec.cronExpression", "such as '0 6 * * *'", sync={"scheduleType": "cron_expression"}
    ),
    Mistake("four-fields", _REFUSED, "spec.cronExpression", "write minute (0-59)", sync=_cron("0 6 * *")),
    Mistake("six-fields", _REFUSED, "spec.cronExpression", "write minute (0-59)", sync=_cron("0 0 6 * * *")),
    Mistake("minute-61", _REFUSED, "spec.cronExpression", "minute (0-59)", sync=_cron("61 6 * * *")),
    Mistake("sunday-7", _REFUSED, "spec.cronExpression", "day of week (0-6 or SUN-SAT)", sync=_cron("0 6 * * 7")),
    Mistake("line-with-zone", _REFUSED, "spec.cronExpression", "into timeZone", sync=_cron("TZ=UTC 0 6 * * *")),
    Mistake("line-every", _REFUSED, "spec.cronExpression", "use syncInterval", sync=_cron("@every 5m")),
    Mistake("line-backwards", _GET, "spec.cronExpression", "such as 22-23,0-4", sync=_cron("0 22-4 * * *")),
    Mistake("line-never", _GET, "spec.cronExpression", "write a date that exists", sync=_cron("0 0 30 2 *")),
    Mistake(
        "line-unused", _WARNED, "spec.cronExpression", "set scheduleType to", sync=_EVERY | {"cronExpression": "@daily"}
    ),
    Mistake(
        "zone-typo", _GET, "spec.timeZone", "did you mean 'Europe/Berlin'", sync=_DAILY | {"timeZone": "Europe/Belin"}
    ),
    Mistake("zone-offset", _GET, "spec.timeZone", "such as Europe/Berlin", sync=_DAILY | {"timeZone": "UTC+1"}),
    Mistake("zone-letters", _GET, "spec.timeZone", "write an IANA name", sync=_DAILY | {"timeZone": "PDT8"}),
    Mistake("zone-unused", _WARNED, "spec.timeZone", "remove it", sync=_EVERY | {"timeZone": "Europe/Berlin"}),
    Mistake(
        "no-unit",
        _REFUSED,
        "spec.syncIntervalUnit",
        "minutes, hours, days",
        sync={"scheduleType": "interval", "syncInterval": 5},
    ),
    Mistake("one-unit", _REFUSED, "spec.syncIntervalUnit", '"minutes"', sync=_EVERY | {"syncIntervalUnit": "minute"}),
    Mistake(
        "interval-30m", _REFUSED, "spec.syncInterval", "must be of type integer", sync=_EVERY | {"syncInterval": "30m"}
    ),
    Mistake(
        "interval-0", _REFUSED, "spec.syncInterval", "greater than or equal to 1", sync=_EVERY | {"syncInterval": 0}
    ),
    Mistake("no-interval", _REFUSED, "spec.syncInterval", "set syncInterval and", sync={"scheduleType": "interval"}),
    Mistake(
        "interval-ages",
        _GET,
        "spec.syncInterval",
        "check syncIntervalUnit",
        sync=_EVERY | {"syncInterval": 600, "syncIntervalUnit": "weeks"},
    ),
    Mistake("automated", _REFUSED, "spec.scheduleType", "set cronExpression, or", sync={"scheduleType": "automated"}),
    Mistake("interval-unused", _WARNED, "spec.syncInterval", "remove it", sync=_EVERY | _DAILY),
    Mistake("no-cursor", _WARNED, "spec.cursorField", "name a column", sync={"syncMode": "incremental"}),
    Mistake("mode-full", _REFUSED, "spec.syncMode", '"full_refresh"', sync={"syncMode": "full"}),
    # The operator's own fields.
    Mistake("suspend-quoted", _REFUSED, "spec.suspend", "must be of type boolean", sync={"suspend": "true"}),
    Mistake("suspended", _GET, "spec.suspend", "set it to false", sync=_DAILY | {"suspend": True}),
    Mistake("policy-case", _REFUSED, "spec.deletionPolicy", '"Delete"', sync={"deletionPolicy": "delete"}),
    Mistake("scheduler", _REFUSED, "spec.scheduler", '"CronJob"', sync={"scheduler": "Kubernetes"}),
    Mistake("timeout-days", _REFUSED, "spec.run.timeout", "write it like 1h30m", sync={"run": {"timeout": "1d"}}),
    Mistake("timeout-number", _REFUSED, "spec.run.timeout", "must be of type string", sync={"run": {"timeout": 90}}),
    Mistake(
        "timeout-server",
        _WARNED,
        "spec.run.timeout",
        "remove it",
        sync=_DAILY | {"scheduler": "Server", "run": {"timeout": "1h"}},
    ),
    Mistake(
        "percent",
        _REFUSED,
        "spec.run.maxFailedRowsPercent",
        "must be of type number",
        sync={"run": {"maxFailedRowsPercent": "5%"}},
    ),
    Mistake(
        "deadline",
        _REFUSED,
        "spec.run.startingDeadlineSeconds",
        "or equal to 30",
        sync={"run": {"startingDeadlineSeconds": 5}},
    ),
    Mistake("fresh-is-text", _REFUSED, "spec.freshness", "must be of type object", sync={"freshness": "26h"}),
    Mistake(
        "fresh-days", _REFUSED, "spec.freshness.maxAge", "write it like 1h30m", sync={"freshness": {"maxAge": "1d"}}
    ),
    Mistake(
        "megabytes",
        _REFUSED,
        "spec.run.pod.resources.limits",
        "128Mi",
        sync=_pod(resources={"limits": {"memory": "128MB"}}),
    ),
    Mistake(
        "thousandths",
        _WARNED,
        "spec.run.pod.resources.limits.memory",
        "write Mi",
        sync=_pod(resources={"limits": {"memory": "128m"}}),
    ),
    Mistake(
        "request-above",
        _REFUSED,
        "spec.run.pod.resources.requests",
        "limit",
        sync=_pod(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
    ),
    Mistake("label-blank", _REFUSED, "spec.run.pod.labels.team", "letters, digits", sync=_pod(labels={"team": "a b"})),
    Mistake(
        "label-not-allowed",
        _GET,
        "spec.run.pod.labels",
        "leave it out",
        sync=_pod(labels={"linkerd.io/inject": "enabled"}),
    ),
    Mistake(
        "account-not-allowed",
        _GET,
        "spec.run.pod.serviceAccountName",
        "leave it out",
        sync=_pod(serviceAccountName="admin"),
    ),
    Mistake(
        "class-not-allowed", _GET, "spec.run.pod.priorityClassName", "leave it out", sync=_pod(priorityClassName="high")
    ),
    Mistake(
        "annotation-typo",
        _WARNED,
        "metadata.annotations[squared.ai/run-requested]",
        "correct or remove it: squared.ai/run-requested-at",
        sync={},
        annotations={"squared.ai/run-requested": "1"},
    ),
    # What is done by hand.
    Mistake(
        "edited-cronjob",
        _DESCRIBE,
        "spec.schedule",
        "change the spec of this Sync instead",
        sync=_DAILY,
        cronjob={"schedule": "0 7 * * *"},
    ),
    Mistake("deleted-cronjob", _DESCRIBE, "spec.suspend", "to stop its runs,", sync=_DAILY, deleted=(CRONJOB_KIND,)),
    Mistake(
        "workspace-repointed",
        _GET,
        "spec.workspaceRef",
        "put it back",
        sync={},
        workspace={},
        repointed={"workspaceId": "999"},
    ),
    Mistake(
        "workspace-deleted",
        _GET,
        "spec.workspaceRef.name",
        "create it",
        sync={},
        workspace={},
        deleted=(WORKSPACE_KIND,),
    ),
    Mistake(
        "stuck-deletion",
        _GET,
        "spec.deletionPolicy",
        "to Retain",
        sync={},
        workspace={},
        repointed={"workspaceId": "999"},
        deleted=(SYNC_KIND,),
    ),
    Mistake(
        "run-by-server",
        _DESCRIBE,
        "squared.ai/run-requested-at",
        "run it there",
        sync=_DAILY | {"scheduler": "Server"},
        annotations={"squared.ai/run-requested-at": "1"},
    ),
    # The Workspace that it names.
    Mistake(
        "workspace-is-text", _REFUSED, "spec.workspaceRef", "must be of type object", sync={"workspaceRef": "default"}
    ),
    Mistake(
        "workspace-form",
        _REFUSED,
        "spec.workspaceRef.name",
        "lower-case letters",
        sync={"workspaceRef": {"name": "Prod_1"}},
    ),
    Mistake("workspace-missing", _GET, "spec.workspaceRef.name", "create it", sync={"workspaceRef": {"name": "prod"}}),
    Mistake(
        "workspace-broken",
        _GET,
        "Workspace 'workspace-broken': spec.auth.tokenSecretRef.name",
        "create it",
        sync={},
        workspace=_token("nothing"),
    ),
    Mistake(
        "workspace-refused",
        _GET,
        "Workspace 'workspace-refused': GET /users/me",
        "into the Secret of spec.auth",
        sync={},
        workspace=_token("old"),
        secrets={"old": {"token": "old"}},
    ),
    Mistake("workspace-suspended", _GET, "spec.suspend", "to false", sync=_DAILY, workspace={"suspend": True}),
    # Once it is registered.
    Mistake("other-stream", _REFUSED, "spec.streamName", "make another Sync", sync={}, then={"streamName": "leads"}),
    Mistake("other-model", _REFUSED, "spec.modelId", "make another Sync", sync={}, then={"modelId": 4}),
    Mistake(
        "other-workspace",
        _REFUSED,
        "spec.workspaceRef.name",
        "make another Sync",
        sync={},
        then={"workspaceRef": {"name": "prod"}},
    ),
    Mistake("other-external", _REFUSED, "spec.externalId", "make another Sync", sync={}, then={"externalId": "9"}),
    Mistake("late-cursor", _REFUSED, "spec.cursorField", "make another Sync", sync={}, then={"cursorField": "at"}),
)

_WORKSPACES: Final = (
    Mistake("no-scheme", _REFUSED, "spec.url", "write it like https://", workspace={"url": "api.squared.ai"}),
    Mistake("query", _REFUSED, "spec.url", "no query", workspace={"url": "https://api.squared.ai/?a=b"}),
    Mistake("plain-http", _GET, "spec.url", "https", workspace={"url": "http://api.example.invalid"}),
    Mistake("api-path", _GET, "spec.url", "without /api/v1", workspace={"url": f"{SERVED}/api/v1"}),
    Mistake("wrong-port", _GET, "spec.url", "check that the server runs", workspace={"url": "http://127.0.0.1:9"}),
    Mistake(
        "no-such-host",
        _GET,
        "spec.url",
        "check that the server runs, and host",
        workspace={"url": "https://api.nosuch.invalid"},
    ),
    Mistake(
        "https-on-http", _GET, "spec.url", "check scheme and port", workspace={"url": SERVED.replace("http:", "https:")}
    ),
    Mistake("id-is-number", _REFUSED, "spec.workspaceId", "must be of type string", workspace={"workspaceId": 1}),
    Mistake("id-is-name", _REFUSED, "spec.workspaceId", "write its digits", workspace={"workspaceId": "main"}),
    Mistake("wrong-id", _GET, "spec.workspaceId", "the token's user is a member", workspace={"workspaceId": "999"}),
    Mistake("no-id", _GET, "spec.workspaceId", "set spec.workspaceId to", workspace={"workspaceId": REMOVED}),
    Mistake(
        "both-auths",
        _REFUSED,
        "spec.auth",
        "remove one of the two",
        workspace={"auth": {"loginSecretRef": {"name": "a"}}},
    ),
    Mistake("no-auth", _REFUSED, "spec.auth", "add tokenSecretRef", workspace={"auth": {"tokenSecretRef": REMOVED}}),
    Mistake(
        "auth-is-text",
        _REFUSED,
        "spec.auth.tokenSecretRef",
        "must be of type object",
        workspace={"auth": {"tokenSecretRef": "token"}},
    ),
    Mistake("no-secret", _GET, "spec.auth.tokenSecretRef.name", "create it", workspace=_token("nothing")),
    Mistake(
        "wrong-key",
        _GET,
        "spec.auth.tokenSecretRef.key",
        "add it, or name",
        workspace=_token("odd"),
        secrets={"odd": {"api-token": "x"}},
    ),
    Mistake(
        "empty-token",
        _GET,
        "spec.auth.tokenSecretRef.key",
        "put the value there",
        workspace=_token("blank"),
        secrets={"blank": {"token": " \n"}},
    ),
    Mistake(
        "wrong-token",
        _GET,
        "spec.auth",
        "put a valid one",
        workspace=_token("stale"),
        secrets={"stale": {"token": "no-such-token"}},
    ),
    Mistake(
        "bearer",
        _GET,
        "spec.auth",
        "without Bearer",
        workspace=_token("bearer"),
        secrets={"bearer": {"token": "Bearer abc"}},
    ),
    Mistake("no-login", _GET, "spec.auth.loginSecretRef.name", "create it", workspace=_login("nobody")),
    Mistake(
        "half-login",
        _GET,
        "spec.auth.loginSecretRef.passwordKey",
        "add it",
        workspace=_login("half"),
        secrets={"half": {"email": "a@example.com"}},
    ),
    Mistake(
        "wrong-password",
        _GET,
        "spec.auth",
        "password",
        workspace=_login("wrong"),
        secrets={"wrong": {"email": "a@example.com", "password": "x"}},
    ),
    Mistake("no-ca", _GET, "spec.caSecretRef.name", "create it", workspace={"caSecretRef": {"name": "nothing"}}),
    Mistake(
        "odd-ca",
        _GET,
        "spec.caSecretRef",
        "PEM",
        workspace={"caSecretRef": {"name": "ca"}},
        secrets={"ca": {"ca.crt": "no certificate"}},
    ),
    Mistake("dialect-case", _REFUSED, "spec.dialect", '"Multiwoven"', workspace={"dialect": "multiwoven"}),
    Mistake("no-requests", _REFUSED, "spec.requestsPerMinute", "or equal to 1", workspace={"requestsPerMinute": 0}),
    Mistake("long-wait", _REFUSED, "spec.timeoutSeconds", "or equal to 60", workspace={"timeoutSeconds": 300}),
    Mistake(
        "confirm-typo",
        _WARNED,
        "metadata.annotations[squared.ai/confirm]",
        "correct or remove it",
        workspace={},
        annotations={"squared.ai/confirm": "1"},
    ),
    Mistake("suspended-server", _GET, "spec.suspend", "set it to false", workspace={"suspend": True}),
)

_MASK: Final = "*" * 13
_PIPELINES: Final = (
    # Connectors.
    Mistake(
        "connector-api-name",
        Look.VALIDATE,
        "spec.connector_name",
        "did you mean 'connectorName'",
        connector={"connector_name": "Http"},
    ),
    Mistake(
        "connector-type-case",
        _REFUSED,
        "spec.connectorType",
        '"source", "destination"',
        connector={"connectorType": "Destination"},
    ),
    Mistake(
        "connector-empty",
        _REFUSED,
        "spec.configuration",
        "write what the definition on the server asks for",
        connector={"configuration": REMOVED},
    ),
    Mistake(
        "connector-pointer",
        _REFUSED,
        "spec.configurationSecrets[0].pointer",
        "begin with /",
        connector={"configurationSecrets": [{"pointer": "password", "secretKeyRef": _VALUE}]},
    ),
    Mistake("connector-blank-name", _REFUSED, "spec.name", "write a name", connector={"name": " "}),
    Mistake(
        "connector-masked",
        _GET,
        "spec.configuration.headers.Authorization",
        "put the secret into a Secret",
        connector={"configuration": {"destination_url": "https://a.example", "headers": {"Authorization": _MASK}}},
    ),
    Mistake(
        "connector-without-secret",
        _GET,
        "spec.configurationSecrets[0].secretKeyRef.name",
        "create it",
        connector={
            "configurationSecrets": [{"pointer": "/headers/a", "secretKeyRef": {"name": "nothing", "key": "a"}}]
        },
    ),
    Mistake(
        "connector-definition",
        _REFUSED,
        "spec.connectorName",
        "make another Connector",
        connector={},
        then={"connectorName": "Hubspot"},
    ),
    # Models.
    Mistake(
        "model-limit", _REFUSED, "spec.query", "leave rows out by WHERE", model={"query": "SELECT * FROM t LIMIT 5"}
    ),
    Mistake("model-two", _REFUSED, "spec.query", "keep one statement", model={"query": "SELECT 1; SELECT 2"}),
    Mistake("model-comment", _REFUSED, "spec.query", "remove the comment", model={"query": "SELECT 1 -- all"}),
    Mistake("model-no-key", _REFUSED, "spec.primaryKey", "Required value", model={"primaryKey": REMOVED}),
    Mistake("model-no-query", _REFUSED, "spec.query", "queryFrom.configMapKeyRef", model={"query": REMOVED}),
    Mistake(
        "model-no-source",
        _REFUSED,
        "spec.connectorId",
        "connectorRef.name to the name of a Connector",
        model={"connectorRef": REMOVED},
    ),
    Mistake("model-two-sources", _REFUSED, "spec.connectorRef", "remove one of the two", model={"connectorId": 1}),
    Mistake("model-ai", _REFUSED, "spec.queryType", '"raw_sql"', model={"queryType": "ai_ml"}),
    Mistake("model-unordered", _WARNED, "spec.query", "order it by", model={"query": "SELECT id FROM t"}),
)

MISTAKES: Final = (*_WORDS_OF_KUBERNETES, *_SYNCS, *_WORKSPACES, *_PIPELINES)

NO_MISTAKES: Final = (
    Mistake("trailing-slash", _GET, "", "connected as", workspace={"url": f"{SERVED}/"}),
    Mistake(
        "trailing-newline",
        _GET,
        "",
        "connected as",
        workspace=_token("line"),
        secrets={"line": {"token": "sandbox-token\n"}},
    ),
    Mistake("leading-zero", _GET, "", "connected as", workspace={"workspaceId": "001"}),
)
"""What looks like one, and works."""
