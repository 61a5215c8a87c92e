"""`validate` and the real API server judge the same manifests, and find no disagreement."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.bad_manifests import GOOD_SYNCS, GOOD_WORKSPACES, Judge
from tests.support.bad_pipelines import GOOD_CONNECTORS, GOOD_MODELS
from tests.support.judging import controller_takes, documents_of, judged
from tests.support.manifests import connector_manifest, model_manifest, sync_manifest, workspace_manifest
from tests.support.plane import Kube, Refusal
from tests.support.written_manifests import TABLE, Written

from sync_operator.api.constants import SYNC_KIND
from sync_operator.commands.diagnostics import Severity


@pytest.mark.parametrize("written", [pytest.param(written, id=name) for name, written in TABLE.items()])
def test_server_and_validate_agree_on_the_table(kube: Kube, written: Written) -> None:
    found = judged(written.text)
    fields = [problem.field for problem in found.problems if problem.severity is Severity.ERROR]

    if written.judge is Judge.SERVER:
        with pytest.raises(Refusal):
            kube.dry_run(written.text, written.kind, "default")
    else:
        taken = kube.dry_run(written.text, written.kind, "default")
        assert controller_takes(written.kind, taken["metadata"]["name"], taken["spec"]) is (written.judge is None)

    assert found.valid is (written.judge is None), found.problems
    # Some fields are named one level apart: a list or its item, an object or its key.
    assert not written.field or any(
        written.field.startswith(field) or field.startswith(written.field) for field in fields
    )


def test_the_table_is_no_small_one() -> None:
    assert len(TABLE) >= 180
    assert sum(written.judge is None for written in TABLE.values()) >= 45


WORDS = [
    *("", "a", "A", "1h", "0s", "1h\n", "1d", "12", "-1", "@daily", "* * * * *", "0 6 * * 1-5"),
    *("TZ=UTC 0 6 * * *", " ", "é", "a b", "Etc/UTC", "minutes", "manual", "interval", "cron_expression"),
    *("automated", "Server", "http://a", "https://a.b/c", "https://a:99999", "1Gi", "+1", "a.b", "a_b", "-a"),
    *("/a", "/a/0", "/", "//a", "/~", "/~2"),
]
NUMBERS = [0, 1, -1, 2**31, 2**53, 2**63, 1.5, -0.0, 30, 100, 100.0]
SCALARS = st.sampled_from([None, True, False, *NUMBERS, *WORDS, "x" * 64, "x" * 254, "x" * 1025])
NAMES = st.sampled_from(
    [
        *("foo", "syncMode", "syncInterval", "syncIntervalUnit", "cronExpression", "cursorField", "workspaceRef"),
        *("run", "pod", "externalId", "timeZone", "suspend", "freshness", "configurationSecrets", "name"),
        *("labels", "timeout", "retries", "dialect", "auth", "caSecretRef", "key", "maxAge", "tokenSecretRef"),
        *(
            "connectorRef",
            "serverName",
            "query",
            "queryFrom",
            "configMapKeyRef",
            "primaryKey",
            "connectorName",
            "check",
        ),
        *("a/b"),
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=3
)
SYNCS = [sync_manifest("x", **spec) for name, spec in GOOD_SYNCS.items() if name not in {"wide", "deep"}]
WORKSPACES = [workspace_manifest("x", **spec) for spec in GOOD_WORKSPACES.values()]
CONNECTORS = [connector_manifest("x", **spec) for spec in GOOD_CONNECTORS.values()]
MODELS = [model_manifest("x", **spec) for name, spec in GOOD_MODELS.items() if name != "longest"]


def spoiled(manifest: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """The manifest with something in it replaced, added or taken out."""
    whole: Any = deepcopy(manifest)
    inner, name = whole, data.draw(st.sampled_from(["spec", "spec", "spec", "metadata"]))
    while isinstance(inner[name], (dict, list)) and inner[name] and name != "configuration":
        inner = inner[name]
        names = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        name = data.draw(st.sampled_from(names))
        if data.draw(st.integers(0, 3)) == 0:
            break
    match data.draw(st.sampled_from(["replace", "remove", "add"])):
        case "remove":
            del inner[name]
        case "add" if isinstance(inner, dict):
            inner[data.draw(NAMES)] = data.draw(VALUES)
        case _:
            inner[name] = data.draw(VALUES)
    return dict(whole)


@given(data=st.data())
@settings(max_examples=600, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_server_and_validate_agree_on_what_nobody_thought_of(kube: Kube, data: st.DataObject) -> None:
    manifest = data.draw(st.sampled_from([SYNCS, WORKSPACES, CONNECTORS, MODELS]).flatmap(st.sampled_from))
    for _ in range(data.draw(st.integers(1, 2))):
        manifest = spoiled(manifest, data)
    kind = str(manifest["kind"])
    text = json.dumps(manifest)

    found = judged(text)

    try:
        taken = kube.dry_run(text, kind, "default")
    except Refusal as refusal:
        # The path of the request names a namespace too, which no manifest knows of.
        takes = found.valid and "namespace of the provided object" in refusal.message
    else:
        takes = controller_takes(kind, "x", taken["spec"])

    assert found.valid is takes, (found.problems, text)


SCALARS_IN_YAML = """
y | n | Y | yes | No | on | OFF | true | TRUE | tRue | ~ | null | Null | 1 | +1 | -1 | 01 | 017 | 0o17 | 0O17 | 08
09.5 | 0x1F | -0x1F | 0b101 | -0b1 | 1_000 | 1__0 | _1 | 1_ | 0x_1 | 1. | .5 | -.5 | +.5 | 1e3 | 1E+3 | 1.5e-3
1e400 | 1e-400
190:20:30 | 9223372036854775807 | 1.0 | 3.10 | 2026-01-01 | 2026-01-01T00:00:00Z | = | 1,000 | 0. | 0 | -0 | 00 | -0.0
1e | 0x | 0b | 0o | +0x1 | -017 | 1_0.5 | 0b12 | 0xg | inf | NaN | 1.2.3 | .e3 | +0b1 | 1e1_0 | 0.0000001 | 123456789.0
.5_0 | +_1 | 1_e3 | 0_x1 | 0o8
'1' | "y" | !!str | 1e21 | a#b | a:b | '' | !!str 12 | !!int '3' | !!float 3 | !!bool 'yes' | !custom 3
a b | "\\x41\\u00e9" | 'it''s' | a # comment | 9223372036854775808 | 18446744073709551616 | -9223372036854775809
"""


def scalars() -> list[str]:
    return [scalar.strip() for line in SCALARS_IN_YAML.strip().splitlines() for scalar in line.split("|")]


@pytest.mark.parametrize("scalar", scalars())
def test_a_scalar_means_to_validate_what_it_means_to_the_server(kube: Kube, scalar: str) -> None:
    text = f"""\
apiVersion: squared.ai/v1
kind: Sync
metadata: {{name: x}}
spec:
  sourceId: 1
  destinationId: 2
  modelId: 3
  scheduleType: manual
  streamName: s
  configuration:
    v: {scalar}
"""
    (document,), broken = documents_of(text)
    taken = kube.dry_run(text, SYNC_KIND, "default")

    ours, theirs = document.value["spec"]["configuration"]["v"], taken["spec"]["configuration"]["v"]
    assert broken is None
    # Beyond 64 bits the server's JSON has no point, ours has; both are the same float.
    assert type(ours) is type(theirs) or abs(theirs) > 2**62
    assert ours == theirs or float(ours) == float(theirs)
