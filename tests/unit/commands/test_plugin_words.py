import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_operator.commands.kubectl.kubectl_command import VERBS, main
from sync_operator.commands.kubectl.views.problem_groups import ProblemGroups
from sync_operator.commands.kubectl.views.resource_view import ResourceView, age, read_time
from sync_operator.commands.kubectl.views.run_words import run_line

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OLD = "2026-05-01T11:00:00Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (90, "1m30s"), (600, "10m"), (4800, "1h20m"), (36000, "10h"),
     (90000, "1d1h"), (864000, "10d")],
)  # fmt: skip
def test_an_age_is_short(seconds: int, text: str) -> None:
    assert age(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"metadata": None, "spec": [], "status": "x"},
        {"status": {"conditions": "x", "nextRuns": [3], "lastRun": [], "recentRuns": ["x"], "observedGeneration": "1"}},
        {"status": {"conditions": [None, {"type": 3}], "nextRuns": {}}, "spec": {"workspaceRef": "x"}},
    ],
)
def test_whatever_stands_in_an_object_is_read(obj: dict[str, Any]) -> None:
    view = ResourceView(obj)

    assert (view.name, view.workspace, view.is_seen, view.suspended) == ("", "default", False, False)
    assert (view.faults, view.next_run, dict(view.last_run), view.recent_runs) == ((), None, {}, ())
    assert view.reference("sourceRef") is None


def test_a_time_without_a_zone_is_utc() -> None:
    assert read_time("2026-05-01T12:00:00") == NOW
    assert read_time("soon") is None


def test_a_run_is_one_line() -> None:
    rows = {"total": 9, "succeeded": 5, "failed": 4}
    run = {"id": "7", "trigger": "Schedule", "verdict": "rows refused", "startedAt": OLD, "rows": rows}

    assert run_line(run, NOW) == "run 7, scheduled 1h ago: rows refused, 5 of 9 rows delivered, 4 refused"
    assert run_line({"status": "waiting"}, NOW) == "run without an id: waiting"


def sync(name: str, message: str, reason: str = "Rejected") -> ResourceView:
    condition = {"type": "Ready", "status": "False", "reason": reason, "message": message, "lastTransitionTime": OLD}
    return ResourceView(
        {
            "kind": "Sync",
            "metadata": {"name": name, "namespace": "team", "generation": 1},
            "status": {"observedGeneration": 1, "conditions": [condition]},
        }
    )


def test_messages_that_differ_in_names_and_numbers_are_one_problem() -> None:
    groups = ProblemGroups(NOW)
    for number in range(3):
        groups.add(sync(f"s{number}", f"stream 's{number}' has {number} columns"))
    groups.add(sync("other", "the body is too large"))

    assert [len(problem.affected) for problem in groups.problems()] == [3, 1]


def test_references_in_a_circle_end() -> None:
    groups = ProblemGroups(NOW)
    for kind, name, field, other in (("Model", "m", "connectorRef", "c"), ("Connector", "c", "modelRef", "m")):
        view = sync(name, f"spec.{field}: waits", "ReferenceNotReady")
        groups.add(ResourceView({**view.obj, "kind": kind, "spec": {field: {"name": other}}}))

    assert sum(len(problem.affected) for problem in groups.problems()) >= 1


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])

    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"examples:\n  kubectl sync {verb}" in shown
    assert "exit codes:" in shown


def test_help_needs_no_client_and_no_cluster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes.config.kube_config", None)
    assert main([]) == 2
    assert "VERB" in capsys.readouterr().err
    monkeypatch.setenv("KUBECONFIG", __file__)

    assert main(["status"]) == 2
    assert "pip install 'sync-operator[kubectl]'" in " ".join(capsys.readouterr().err.split())
