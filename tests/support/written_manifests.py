"""Manifests as people write them, good and bad: the one table that API server and `validate` are both asked about."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.support.bad_manifests import BAD_SYNCS, BAD_WORKSPACES, GOOD_SYNCS, GOOD_WORKSPACES, Judge
from tests.support.bad_pipelines import BAD_CONNECTORS, BAD_MODELS, GOOD_CONNECTORS, GOOD_MODELS
from tests.support.manifests import connector_manifest, model_manifest, sync_manifest, workspace_manifest

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND

__all__ = ["TABLE", "Written"]

_KEY: Final = "k" * 63
_SPECLESS: Final = "apiVersion: squared.ai/v1\nkind: Sync\nmetadata: {name: x}\n"


@dataclass(frozen=True, slots=True)
class Written:
    """One text.

    Attributes:
        judge: who refuses it; None for a good one.
        field: the path that must be named; empty where the server names none.
    """

    name: str
    text: str
    judge: Judge | None = None
    field: str = ""

    @property
    def kind(self) -> str:
        of_others = (
            kind for kind in (CONNECTOR_KIND, MODEL_KIND, WORKSPACE_KIND) if self.name.startswith(kind.lower())
        )
        return next(of_others, SYNC_KIND)


def _yaml(*, head: str = "", spec: str = "", metadata: str = "  name: x", tail: str = "", **fields: str) -> str:
    """A Sync as text; ``fields`` replace those of its spec."""
    plain = {
        "sourceId": "1",
        "destinationId": "2",
        "modelId": "3",
        "scheduleType": "manual",
        "streamName": "contacts",
        "configuration": "{email: mail}",
        **fields,
    }
    lines = [head, "apiVersion: squared.ai/v1", "kind: Sync", "metadata:", metadata, "spec:"]
    lines += [f"  {name}: {value}" for name, value in plain.items() if value != "-"]
    return "\n".join(line for line in (*lines, spec, tail) if line) + "\n"


def _good(name: str, **changes: str) -> Written:
    return Written(name, _yaml(**changes))


def _bad(name: str, field: str, **changes: str) -> Written:
    return Written(name, _yaml(**changes), Judge.SERVER, field)


_WRITTEN: Final = (
    # Names, labels, annotations.
    _good("name-digits", metadata='  name: "12"'),
    _good("name-dots", metadata="  name: a.b-c.d"),
    _good("name-253", metadata=f"  name: {'a' * 253}"),
    _bad("name-254", "metadata.name", metadata=f"  name: {'a' * 254}"),
    _bad("name-upper", "metadata.name", metadata="  name: Orders"),
    _bad("name-underscore", "metadata.name", metadata="  name: orders_eu"),
    _bad("name-dot-end", "metadata.name", metadata="  name: orders."),
    _bad("name-hyphen", "metadata.name", metadata="  name: -orders"),
    _bad("name-number", "metadata.name", metadata="  name: 12"),
    _bad("name-yes", "metadata.name", metadata="  name: yes"),
    _bad("name-empty", "metadata.name", metadata='  name: ""'),
    _bad("name-null", "metadata.name", metadata="  name:"),
    _bad("name-missing", "metadata.name", metadata="  labels: {a: b}"),
    _bad("metadata-list", "metadata", metadata="  - name: x"),
    _bad("metadata-unknown", "metadata.nmae", metadata="  name: x\n  nmae: y"),
    _good("labels", metadata=f"  name: x\n  labels: {{example.com/Team_1: A.b-c_D, {_KEY}: '', e: null}}"),
    _good("labels-null", metadata="  name: x\n  labels:\n  annotations: ~"),
    _bad("label-number", "metadata.labels.a", metadata="  name: x\n  labels: {a: 1}"),
    _bad("label-true", "metadata.labels.a", metadata="  name: x\n  labels: {a: on}"),
    _bad("label-space", "metadata.labels.a", metadata='  name: x\n  labels: {a: "b c"}'),
    _bad("label-64", "metadata.labels.a", metadata=f"  name: x\n  labels: {{a: {'b' * 64}}}"),
    _bad("label-key-64", "metadata.labels", metadata=f"  name: x\n  labels: {{{_KEY}k: b}}"),
    _bad("label-key-space", "metadata.labels", metadata="  name: x\n  labels: {a b: c}"),
    _bad("label-key-slashes", "metadata.labels", metadata="  name: x\n  labels: {x/y/z: c}"),
    _bad("label-key-upper", "metadata.labels", metadata="  name: x\n  labels: {A.b/c: d}"),
    _bad("label-key-prefixless", "metadata.labels", metadata="  name: x\n  labels: {/a: b}"),
    _bad("label-key-empty", "metadata.labels", metadata='  name: x\n  labels: {"": b}'),
    _bad("labels-list", "metadata.labels", metadata="  name: x\n  labels: []"),
    _good("annotations", metadata='  name: x\n  annotations: {Ab.c/D_e: "any text: at all\\n", f: ""}'),
    _bad("annotation-time", "metadata.annotations", metadata="  name: x\n  annotations: {a/b: 2026}"),
    _bad("annotation-key", "metadata.annotations", metadata="  name: x\n  annotations: {A B: x}"),
    _bad("annotation-long", "metadata.annotations", metadata=f"  name: x\n  annotations: {{a: {'b' * 262_144}}}"),
    _good("finalizers", metadata="  name: x\n  finalizers: [squared.ai/sync]"),
    _bad("finalizers-text", "metadata.finalizers", metadata="  name: x\n  finalizers: squared.ai/sync"),
    _bad("owner-half", "metadata.ownerReferences[0]", metadata="  name: x\n  ownerReferences: [{name: a}]"),
    _good("from-kubectl-get", metadata="  name: x\n  generation: 3\n  creationTimestamp: 2026-01-01T00:00:00Z"),
    _bad("creation-words", "metadata.creationTimestamp", metadata="  name: x\n  creationTimestamp: yesterday"),
    # The object.
    Written("spec-missing", _SPECLESS, Judge.SERVER, "spec"),
    Written("spec-null", f"{_SPECLESS}spec:\n", Judge.SERVER, "spec"),
    Written("spec-list", f"{_SPECLESS}spec: []\n", Judge.SERVER, "spec"),
    _bad("root-unknown", "spce", tail="spce: {}"),
    _good("status", tail="status: {observedGeneration: 1, id: 5}"),
    _bad("status-unknown", "status.ready", tail="status: {ready: true}"),
    # YAML.
    _good("comment", head="# a sync\n---"),
    _good("json-in-yaml", configuration='{"a": [1, {"b": null}]}'),
    _good("whole-float", modelId="3.0"),
    _good("exponent", modelId="1e2"),
    _good("hexadecimal", modelId="0x1F"),
    _good("octal", modelId="0o17"),
    _good("underscored", modelId="1_000"),
    _good("suspend-yes", suspend="yes"),
    _good("suspend-off", suspend="off"),
    _bad("suspend-quoted", "spec.suspend", suspend='"yes"'),
    _bad("stream-on", "spec.streamName", streamName="on"),
    _bad("stream-n", "spec.streamName", streamName="n"),
    _bad("stream-number", "spec.streamName", streamName="2026"),
    _bad("stream-null", "spec.streamName", streamName="~"),
    _good("stream-date", streamName="2026-01-01"),
    _good("stream-tagged", streamName="!!str 12"),
    _bad("fraction", "spec.modelId", modelId="1.5"),
    _bad("beyond-int64", "spec.modelId", modelId="9223372036854775808"),
    _good("most-int64", modelId="9223372036854775807"),
    _bad("infinity", "", configuration="{a: .inf}"),
    _bad("null-key", "", configuration="{~: a}"),
    _bad("list-key", "", configuration="{[a]: b}"),
    _good("number-keys", configuration="{1: a, true: b, 1.5: c}"),
    _bad("twice", "", spec="  streamName: other"),
    _bad("twice-inside", "", configuration="{a: b, a: c}"),
    _good("anchor", configuration="{a: &x {b: 1}, c: *x}"),
    _good("merged", configuration="{a: &x {b: 1}, c: {<<: *x, d: 2}}"),
    _bad("anchor-unknown", "", configuration="{a: *x}"),
    _bad("unfinished", "", configuration="{a: b"),
    _bad("tabbed", "", spec="\tsuspend: true"),
    _good("block-scalar", spec="  suspendReason: |-\n    audit,\n    until Friday"),
    _good("unicode", streamName='"\\u00e9\\U0001F600 \\x41"'),
    Written("json-in-plain-ascii", json.dumps(sync_manifest("x", streamName="é😀"))),
    Written("json-too-long", json.dumps(sync_manifest("x", streamName="😀" * 1025)), Judge.SERVER, "spec.streamName"),
    # Nulls.
    _good("nulls", suspend="null", run="~", syncMode="", cursorField="", workspaceRef="", freshness=""),
    _good("nulls-inside", run="{retries: null, pod: {labels: {a: null}, tolerations: null}}", workspaceRef="{name: }"),
    _bad("null-item", "spec.run.pod.tolerations[0]", run="{pod: {tolerations: [null]}}"),
    _bad("null-source", "spec.sourceId", sourceId="null"),
    # Forms.
    _bad("timeout-newline", "spec.run.timeout", run='{timeout: "1h\\n"}'),
    _bad("cron-six-spaced", "spec.cronExpression", cronExpression='"0 6 * * *\\u2003x"'),
    _bad("external-newline", "spec.externalId", externalId='"12\\n"'),
    _bad("quantity-empty", "spec.run.pod.resources.limits.cpu", run='{pod: {resources: {limits: {cpu: ""}}}}'),
    _bad("quantity-fraction", "spec.run.pod.resources.limits.cpu", run="{pod: {resources: {limits: {cpu: 1.5}}}}"),
    _good("quantity-number", run="{pod: {resources: {limits: {cpu: 2}}}}"),
    _good("percent-whole", run="{maxFailedRowsPercent: 5}"),
    _bad("percent-text", "spec.run.maxFailedRowsPercent", run='{maxFailedRowsPercent: "5"}'),
    _good("stream-astral", streamName=f'"{"😀" * 1024}"'),
    _bad("stream-astral-long", "spec.streamName", streamName=f'"{"😀" * 1025}"'),
    _bad("run-text", "spec.run", run="fast"),
    _bad("unknown-in-item", "spec.configurationSecrets[0].secret", configurationSecrets="[{secret: a}]"),
    _bad("snake-case", "spec.sync_mode", sync_mode="full_refresh"),
    _bad("interval-text", "spec.syncInterval", syncInterval='"5"', syncIntervalUnit="minutes"),
)


def _dumped(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest)


TABLE: Final[dict[str, Written]] = {
    written.name: written
    for written in (
        *_WRITTEN,
        *(Written(f"sync-{bad.name}", _dumped(bad.sync), bad.judge, bad.field) for bad in BAD_SYNCS),
        *(Written(f"workspace-{bad.name}", _dumped(bad.workspace), bad.judge, bad.field) for bad in BAD_WORKSPACES),
        *(Written(f"sync-{name}", _dumped(sync_manifest(name, **spec))) for name, spec in GOOD_SYNCS.items()),
        *(
            Written(f"workspace-{name}", _dumped(workspace_manifest(name, **spec)))
            for name, spec in GOOD_WORKSPACES.items()
        ),
        *(Written(f"connector-{bad.name}", _dumped(bad.connector), bad.judge, bad.field) for bad in BAD_CONNECTORS),
        *(Written(f"model-{bad.name}", _dumped(bad.model), bad.judge, bad.field) for bad in BAD_MODELS),
        *(
            Written(f"connector-{name}", _dumped(connector_manifest(name, **spec)))
            for name, spec in GOOD_CONNECTORS.items()
        ),
        *(Written(f"model-{name}", _dumped(model_manifest(name, **spec))) for name, spec in GOOD_MODELS.items()),
    )
}
"""By name; over 150 of them."""
