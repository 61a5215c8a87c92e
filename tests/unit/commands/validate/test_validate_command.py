import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tests.support.judging import NOW, judged
from tests.support.manifests import REMOVED, sync_manifest, workspace_manifest
from tests.support.plane import ROOT
from tests.support.written_manifests import TABLE

from sync_operator.cli import main
from sync_operator.commands.diagnostics import Severity, shown_problem
from sync_operator.commands.input_files import read_with_errors
from sync_operator.commands.terminal import Style, text_width
from sync_operator.commands.validate.manifest_set_rules import judge_sources
from sync_operator.commands.validate.validate_output import as_github, as_text

BERLIN = {"scheduleType": "cron_expression", "cronExpression": "30 2 * * *", "timeZone": "Europe/Berlin"}

EVERY = {"scheduleType": "interval", "syncInterval": 45, "syncIntervalUnit": "minutes"}
TIMES = ("12:45", "13:30", "14:15")


def text_of(*texts: str) -> str:
    return "\n".join(as_text(judged(*texts), Style()))


def said(*texts: str, severity: Severity = Severity.ERROR) -> list[str]:
    return [problem.message_with_field for problem in judged(*texts).problems if problem.severity is severity]


def dumped(name: str, **changes: object) -> str:
    return json.dumps(sync_manifest(name, **changes))


@pytest.mark.parametrize("name", TABLE)
def test_the_whole_table_is_judged_right_and_every_refusal_can_be_shown(name: str) -> None:
    written = TABLE[name]

    found = judged(written.text)

    assert found.valid is (written.judge is None), found.problems
    assert "\n".join(as_text(found, Style(colour=True, width=40)))
    assert len(list(as_github(found))) == len(found.problems)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source_id": 1}, "spec.source_id: is not known; did you mean 'sourceId'?"),
        ({"sourceID": 1}, "spec.sourceID: is not known; did you mean 'sourceId'?"),
        ({"cron": "@daily"}, "spec.cron: is not known; did you mean 'cronExpression'?"),
        ({"timeout": "5m"}, "spec.timeout: is not known; it belongs to spec.run.timeout"),
        ({"run": {"pod": {"label": {}}}}, "spec.run.pod.label: is not known; did you mean 'labels'?"),
        ({"frobnicate": 1}, "spec.frobnicate: is not known; remove it"),
        ({"frobnicate": None}, "spec.frobnicate: is not known; remove it"),
    ],
)
def test_an_unknown_field_is_told_with_the_one_that_was_meant(changes: dict[str, object], words: str) -> None:
    assert said(dumped("x", **changes)) == [words]


def test_a_field_at_the_root_that_belongs_below_is_sent_there() -> None:
    manifest = sync_manifest("x", sourceId=REMOVED) | {"sourceId": 1}

    assert sorted(said(json.dumps(manifest))) == [
        "sourceId: is not known; it belongs to spec.sourceId",
        (
            "spec.sourceId: is missing; set it, or sourceRef.name to the name of a Connector in this namespace, or "
            "sourceRef.serverName to a name that the server shows"
        ),
    ]


def test_a_field_under_a_wrong_name_is_not_called_missing_too() -> None:
    assert said(dumped("x", sourceId=REMOVED, source_id=1)) == [
        "spec.source_id: is not known; did you mean 'sourceId'?"
    ]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(said(dumped("A", sourceId=0, modelId="3", streamName=REMOVED, syncMode="full"))) == 5


def test_the_line_is_quoted_with_a_caret() -> None:
    first, *quoted = text_of("apiVersion: squared.ai/v2\nkind: Sync\n").splitlines()[:3]

    assert first.startswith("0.yaml:1:13: error: Sync (without a name): apiVersion: 'squared.ai/v2' is not a version")
    assert quoted == [
        "  1 | apiVersion: squared.ai/v2",
        "    |             ^^^^^^^^^^^^^",
    ]


def test_a_long_line_is_quoted_around_its_place_and_fits_the_terminal() -> None:
    found = judged(dumped("x", streamName="y" * 2000, syncMode="wrong"))

    lines = "\n".join(as_text(found, Style(width=80))).splitlines()

    assert '"wrong"' in next(line for line in lines if line.startswith("  1 | ") and "wrong" in line)
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("width", [20, 60, 61, 100])
@pytest.mark.parametrize("after", ["", "ストリーム" * 30, "y" * 200])
def test_a_caret_stands_below_its_place_also_beside_wide_characters_and_tabs(width: int, after: str) -> None:
    spec = f"{{a\u0301: \t'{'日本語' * 30}',\tfoo: 'bar',\tz: '{after}'}}"
    found = judged(f"apiVersion: squared.ai/v1\r\nkind: Sync\r\nspec: {spec}\r\n")
    problem = next(problem for problem in found.problems if problem.field == "spec.foo")

    *_, line, caret = shown_problem(problem, Style(width=width))

    begin, end = caret.index("^"), caret.rindex("^") + 1
    assert max(text_width(line), text_width(caret)) <= width
    assert [text_width(line[: line.index("foo")]), text_width(line[: line.index("foo") + 3])] == [begin, end]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: squared.ai/v1\nkind: Workspace\nmetadata: {name: x}\nspec:\n  token: s3cr3t-value\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  a: s3cr3t-value: b\n",
        dumped("x", configuration={"api_key": "s3cr3t-value"}, foo=1),
    ],
)
def test_no_secret_is_quoted(text: str) -> None:
    assert "error" in text_of(text)
    assert "s3cr3t" not in text_of(text)


def test_next_runs_are_shown_in_the_time_zone_and_clock_changes_are_warned_of() -> None:
    text = dumped("orders", **BERLIN)

    assert text_of(text).splitlines()[-4:] == [
        "Sync orders  valid",
        "  schedule  30 2 * * * in Europe/Berlin",
        "  next      Wed 2026-11-25 02:30 CET, Thu 2026-11-26 02:30 CET, Fri 2026-11-27 02:30 CET",
        "1 Sync: valid",
    ]
    forward, back = said(text, severity=Severity.WARNING)
    assert "go forward on 2027-03-28: the run of 02:30 is left out" in forward
    assert "go back on 2027-10-31: the run of 02:30 comes twice" in back


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "  schedule  none, runs by request only"),
        ({"suspend": True, "suspendReason": "audit"}, "  next      none, because it is suspended (audit)"),
        (EVERY, f"  next      {', '.join(f'Tue 2026-11-24 {at} UTC' for at in TIMES)}, counted from its last run"),
        (BERLIN | {"cronExpression": "0 0 31 2 *"}, "  next      none: this line never fires"),
        (BERLIN | {"scheduler": "Server"}, "  schedule  30 2 * * * in Etc/UTC, by the server's own scheduler"),
    ],
)
def test_what_will_run_when_is_told_for_every_kind_of_schedule(changes: dict[str, object], shown: str) -> None:
    assert shown in text_of(dumped("orders", **changes)).splitlines()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cronExpression": "@daily"}, "is not used, because scheduleType does not run by it"),
        (BERLIN | {"scheduler": "Server"}, "spec.timeZone: is Europe/Berlin, but the server reads spec.cronExpression"),
        (
            EVERY | {"scheduler": "Server", "syncInterval": 45, "syncIntervalUnit": "minutes"},
            "spec.syncInterval: asks for every 45 minutes, of which the server makes '*/45 * * * *'",
        ),
        ({"configuration": []}, "is empty, which this server refuses"),
        ({"configuration": [{"from": "a", "to": "b"}]}, "has no mapping_type"),
        (BERLIN | {"cronExpression": "0 0 31 2 *"}, "never fires"),
        (BERLIN | {"freshness": {"maxAge": "24h"}}, "spec.freshness.maxAge: is not longer than the longest time"),
        (EVERY | {"freshness": {"maxAge": "45m"}}, "spec.freshness.maxAge: is not longer than the interval"),
    ],
)
def test_what_does_no_harm_to_the_manifest_is_a_warning(changes: dict[str, object], words: str) -> None:
    text = dumped("orders", **changes)

    assert judged(text).valid
    assert any(words in warning for warning in said(text, severity=Severity.WARNING))


def test_the_dialect_of_a_workspace_beside_it_is_taken_into_account() -> None:
    workspace = json.dumps(workspace_manifest("default", dialect="Documented"))

    assert said(workspace, dumped("orders")) == [
        "spec.scheduleType: 'manual' is unknown to a server of the documented dialect; use 'automated'"
    ]


@pytest.mark.parametrize(("name", "told"), [("defualt", True), ("staging-default", True), ("other", False)])
def test_a_workspace_of_almost_the_name_is_told(name: str, told: bool) -> None:
    warned = said(json.dumps(workspace_manifest(name)), dumped("orders"), severity=Severity.WARNING)

    words = f"spec.workspaceRef.name: 'default' is not a Workspace of this input, which has {name!r} in the same"
    assert any(warning.startswith(words) for warning in warned) is told


def test_plain_http_is_a_warning_and_a_metadata_service_an_error() -> None:
    http, metadata = (
        json.dumps(workspace_manifest("w", url=url)) for url in ("http://api.example.com", "http://169.254.169.254")
    )

    assert judged(http).valid
    assert "must be https" in said(http, severity=Severity.WARNING)[0]
    assert "metadata service" in said(metadata)[0]


@pytest.mark.parametrize(
    ("variable", "words"),
    [("ALLOW_INSECURE_HOSTS", "1 Workspace: valid\n"), ("ALLOWED_HOSTS", "must be https")],
)
def test_what_the_operator_allows_is_taken_from_the_environment(
    variable: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(json.dumps(workspace_manifest("w", url="http://127.0.0.1:8088")))
    monkeypatch.setenv(f"SYNC_OPERATOR_{variable}", "127.0.0.1")

    assert main(["validate", str(file)]) == 0
    out = capsys.readouterr().out
    assert words in out
    assert ("warning" in out) is (variable == "ALLOWED_HOSTS")


def test_two_of_a_name_and_two_of_an_external_id_clash() -> None:
    one, other = dumped("orders", externalId="7"), dumped("other", externalId="7")

    assert "has this Sync twice, first in 0.yaml:1" in said(one, one)[0]
    assert "sync 7 is asked for by Sync orders too" in said(one, other)[0]


def test_other_kinds_and_no_kinds_are_passed_over_but_not_what_was_meant_to_be_ours() -> None:
    other = "apiVersion: apps/v1\nkind: Deployment\n---\nimage: {tag: '1'}\n---\n- item\n"

    assert text_of(other) == "nothing to validate: no Sync, Workspace, Connector or Model among 3 other documents"
    assert text_of("# nothing yet\n") == "nothing to validate: the input is empty"
    assert judged(other).valid
    for text in ("kind: Sync\nspec: {}\n", "metadata: {}\nspec: {}\n", "apiVersion: squared.ai/v1\nspec: {}\n"):
        assert "is missing" in said(text)[0]
    assert said("apiVersion: squaredai/v1\nkind: Sync\n") == [
        "apiVersion: 'squaredai/v1' is not ours; write squared.ai/v1"
    ]
    assert said("apiVersion: squared.ai/v1\nkind: sync\n") == ["kind: 'sync' is not a kind of squared.ai; write Sync"]


@pytest.mark.parametrize("kind", ["List", "SyncList"])
def test_items_of_a_list_are_judged_each(kind: str) -> None:
    items = [sync_manifest("good"), sync_manifest("bad", sourceId=0)]
    text = json.dumps({"apiVersion": "v1", "kind": kind, "items": items}, indent=1)

    found = judged(text)

    assert [checked.valid for checked in found.syncs] == [True, False]
    assert found.problems[0].line == text[: text.index('"sourceId": 0')].count("\n") + 1


def test_a_template_is_told_from_a_mistake() -> None:
    assert "templates are to be rendered first" in said("a: {{ .Values.b }}\nc: d: e\n")[0]


# The command.


def test_the_hook_for_pre_commit_passes_over_what_is_not_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *words = hook["entry"].split()
    (tmp_path / "values.yaml").write_text("image: {tag: '1'}\n")

    assert (program, hook["language"], hook["types"]) == ("sync-operator", "python", ["yaml"])
    assert main([*words, str(tmp_path / "values.yaml")]) == 0
    assert "nothing to validate" in capsys.readouterr().out


def test_the_exit_code_tells_valid_from_invalid_from_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "down"
    folder.mkdir(parents=True)
    (folder / "good.yml").write_text(dumped("good"))
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "bad.yaml").write_text("kind: Sync\n")
    (tmp_path / "notes.txt").write_text("kind: Sync\n")

    assert main(["validate", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("1 Sync: valid\n")
    (tmp_path / "bad.json").write_text(dumped("bad", sourceId=0))
    assert main(["validate", str(tmp_path)]) == 1
    assert "2 Syncs: 1 invalid" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.yaml", None, "No such file"),
        ("latin.yaml", b"a: \xff\n", "not UTF-8 text"),
        ("half.yaml", b"\xff\xfea", "not UTF-16-LE text"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_others_are_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.json").write_text(dumped("good"))

    assert main(["validate", str(tmp_path / name), str(tmp_path / "good.json")]) == 2
    told = capsys.readouterr().out
    assert f"{name}: error: " in told
    assert words in told
    assert "1 Sync: valid" in told


def test_a_pipe_in_a_folder_keeps_nobody_waiting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")

    assert main(["validate", str(tmp_path)]) == 2
    assert "is not a regular file" in capsys.readouterr().out


def test_a_folder_without_manifests_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path)]) == 2
    assert "holds no .yaml, .yml or .json file" in capsys.readouterr().err


def test_strict_makes_warnings_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.json"
    file.write_text(dumped("doubtful", configuration=[{"from": "a", "to": "b"}]))

    assert main(["validate", str(file)]) == 0
    assert main(["validate", "--strict", str(file)]) == 1
    assert "warning" in capsys.readouterr().out


def test_only_what_is_told_of_an_object_is_kept(tmp_path: Path) -> None:
    workspace = "apiVersion: squared.ai/v1\nkind: Workspace\nmetadata: {name: default}\nspec: {url: https://a.b, "
    texts = [dumped("one", externalId="5"), dumped("two", externalId="5"), f"{workspace}dialect: Documented, "]
    texts[-1] += "auth: {tokenSecretRef: {name: t}}}\n"
    (tmp_path / "a.yaml").write_text("\n---\n".join(texts))
    told: list[int] = []

    found = judge_sources(read_with_errors([str(tmp_path)], io.BytesIO()), "default", NOW, tell=told.append)

    assert [checked.spec for checked in found.syncs] == [None, None]
    said = [problem.message_with_field for problem in found.problems]
    assert any("documented dialect" in words for words in said)  # the Workspace stands below the Syncs
    assert any("is asked for by Sync one too" in words for words in said)
    assert told == [3, 3]


def test_standard_input_and_json_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.BytesIO(f"{dumped('bad', sourceId=0)}\n---\n{dumped('good', **BERLIN)}\n".encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))

    code = main(["validate", "-", "-o", "json", "--namespace", "eu", "--from", "2027-01-01T00:00:00Z"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["valid"], told["passedOver"]) == (1, False, 0)
    assert told["problems"][0]["field"] == "spec.sourceId"
    good = told["objects"][1]
    assert (good["namespace"], good["name"], good["line"], good["valid"]) == ("eu", "good", 3, True)
    assert good["effectiveSchedule"] == "30 2 * * *"
    assert good["nextRuns"][0] == "2027-01-01T01:30:00Z"


def test_annotations_of_a_ci_run_name_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a,b.yaml"
    file.write_text("apiVersion: squared.ai/v1\nkind: Sync\nmetadata: {name: 100%}\nspec: {}\n")

    assert main(["validate", "-o", "github", str(file)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(
        f"::error file={str(file).replace(',', '%2C')},line=3,col=18,title=Sync 100%25::metadata.name: "
    )


def test_a_time_without_a_zone_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["validate", "-", "--from", "2027-01-01"])
    assert ended.value.code == 2
    assert "is not a time like" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["text", "json"])
def test_no_locale_and_no_name_of_a_file_makes_a_traceback(tmp_path: Path, output: str) -> None:
    (tmp_path / os.fsdecode(b"latin-\xe9.json")).write_text(dumped("x", streamName="Bestände", sourceId=0))
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    done = subprocess.run(
        [sys.executable, "-m", "sync_operator", "validate", "-o", output, str(tmp_path)],
        capture_output=True,
        check=False,
        env={**environment, "PYTHONIOENCODING": "ascii"},
    )

    assert (done.returncode, done.stderr) == (1, b"")
    assert b"latin-" in done.stdout
    assert output == "text" or json.loads(done.stdout)["problems"][0]["field"] == "spec.sourceId"


def test_what_kubectl_apply_cannot_keep_is_warned_of() -> None:
    wide = [{"from": f"{number:05}", "to": "x" * 990, "mapping_type": "standard"} for number in range(251)]

    found = said(dumped("wide", configuration=wide, suspendReason="y" * 900), severity=Severity.WARNING)
    plain = said(dumped("wide", configuration=wide[:200]), severity=Severity.WARNING)

    assert any("use kubectl apply --server-side" in words for words in found)
    assert not any("--server-side" in words for words in plain)
