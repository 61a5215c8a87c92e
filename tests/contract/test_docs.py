"""The documentation as a whole: nothing on it leads nowhere, and no command on it is one that nobody has run."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import pytest
import yaml
from tests.support.docs import DOCS, NOT_RUN, ON_A_CLUSTER, ON_A_LAPTOP, anchors, fences, pages, prose
from tests.support.plane import ROOT

from sync_operator import __version__
from sync_operator.api.kinds.workspace import WorkspaceSpec
from sync_operator.api.statuses.conditions import Reason
from sync_operator.cli import main

PAGES: Final = pages()
LANGUAGES: Final = {"console", "sh", "yaml", "mermaid", "promql"}
COPIED: Final = "text"
"""Language of the README's excerpt from another page, where a test runs the command."""
README_CHAPTERS: Final = (
    "Why not something you have already",
    "What it looks like",
    "Try it",
    "Install",
    "What it manages",
    "What was tested against what",
    "Links",
)
MAX_README_LINES: Final = 160
PROGRAMS: Final = ("kubectl", "helm", "make", "sync-operator", "argocd", "flux", "kind", "docker", "curl", "git")
CODE_OF_THE_OPERATOR: Final = ROOT / "operator" / "sync_operator"
PATH: Final = re.compile(r"[\w-]+/[\w./-]*|\w+\.(py|toml)")
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE: Final = re.compile(r"`([^`]+)`")


def sections(page: str, chapter: str) -> list[str]:
    """The third-level headings of a chapter."""
    [text] = re.findall(rf"^## {chapter}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^### (.*)$", text, re.MULTILINE)


def test_the_runbook_has_each_alert_and_each_reason_and_nothing_else() -> None:
    alerts = ROOT / "helm" / "sync-operator" / "files" / "monitoring" / "alerts.yaml"
    rules = [rule["alert"] for group in yaml.safe_load(alerts.read_text())["groups"] for rule in group["rules"]]
    page = PAGES["docs/runbook.md"]

    assert sections(page, "Alerts") == rules
    assert sections(page, "Reasons") == [reason.value for reason in Reason]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in LINK.findall(CODE.sub("", prose(PAGES[name]))):
        if link.startswith("https://"):
            continue
        path, _, section = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if section:
            assert section in anchors(target.read_text()), link


def test_the_index_names_every_page() -> None:
    named = {(DOCS / link).resolve() for link in LINK.findall(PAGES["docs/README.md"]) if "://" not in link}

    assert {ROOT / name for name in PAGES} - {DOCS / "README.md", ROOT / "README.md"} <= named
    assert "docs/README.md" in LINK.findall(PAGES["README.md"])


def test_the_readme_is_short_and_in_order() -> None:
    page = PAGES["README.md"]

    assert len(page.splitlines()) <= MAX_README_LINES
    assert tuple(re.findall(r"^## (.*)$", page, re.MULTILINE)) == README_CHAPTERS


def test_the_readme_shows_the_manifest_and_the_output_of_getting_started() -> None:
    blocks = {fence.language: fence for fence in fences(PAGES["README.md"])}
    steps = [step for fence in fences(PAGES["docs/getting-started.md"]) for step in fence.steps]

    assert blocks["yaml"].text == (DOCS / "getting-started" / "customers.yaml").read_text()
    assert [step for step in blocks[COPIED].steps if step not in steps] == []
    assert blocks[COPIED].steps


@pytest.mark.parametrize("name", ["examples/sync.yaml", "docs/getting-started/customers.yaml"])
def test_what_a_newcomer_applies_first_warns_of_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--strict", str(ROOT / name)]) == 0
    assert "warning" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("name", ["README.md", "docs/concepts.md"])
def test_what_the_default_budget_means_is_said(name: str) -> None:
    limit = WorkspaceSpec.model_fields["requests_per_minute"].default
    words = " ".join(PAGES[name].split())

    budget = rf"Of a Workspace's `requestsPerMinute` \({limit} .*? the first {limit // 2} .*? within seconds"
    said = re.search(budget + r", 100 within about 2½ minutes, (?:and )?2,000 within about 50", words)
    assert said is not None


def test_the_architecture_names_files_and_folders_that_are_there() -> None:
    named = [code for code in CODE.findall(prose(PAGES["docs/architecture.md"])) if PATH.fullmatch(code)]

    assert named
    assert [path for path in named if not any((root / path).exists() for root in (ROOT, CODE_OF_THE_OPERATOR))] == []


def test_the_sandbox_of_getting_started_runs_the_image_that_the_page_builds() -> None:
    page = PAGES["docs/getting-started.md"]
    runner_config, _ = yaml.safe_load_all((DOCS / "getting-started" / "sandbox.yaml").read_text())
    [container] = runner_config["spec"]["template"]["spec"]["containers"]

    assert container["image"] == f"sync-operator:{__version__}"
    assert f"docker build -t {container['image']} ." in page
    assert f"kind load docker-image {container['image']}" in page


def run_on_pages() -> Iterator[str]:
    """Every command that a test runs, as it is written."""
    for name in (*ON_A_LAPTOP, *ON_A_CLUSTER):
        for fence in fences(PAGES[name]):
            if fence.language == "console":
                yield from (" ".join(typed.split()) for typed, _ in fence.steps)


def shown_only() -> Iterator[str]:
    """Every command in a block that is not run."""
    for page in PAGES.values():
        for fence in fences(page):
            if fence.language == "sh":
                yield from (" ".join(line.split()) for line in fence.text.replace("\\\n", " ").splitlines())


def told(name: str) -> Iterator[str]:
    """Every command within a sentence of a page."""
    for code in CODE.findall(prose(PAGES[name]).replace("\n", " ")):
        if code.split()[0] in PROGRAMS and len(code.split()) > 2:
            yield " ".join(code.split())


def fits(told: str, commands: Iterable[str]) -> bool:
    """Is it the beginning of one of the commands, with any name for a placeholder such as NAME or `orders`?"""
    form = re.sub(r"[A-Z][A-Z_]{2,}|\borders\b", r"\\S+", re.escape(told))
    return any(re.match(form, command) for command in commands)


@pytest.mark.parametrize("name", PAGES)
def test_what_is_shown_in_a_block_is_run_or_no_command(name: str) -> None:
    found = list(fences(PAGES[name]))

    assert {fence.language for fence in found} <= LANGUAGES | ({COPIED} if name == "README.md" else set())
    if any(fence.language == "console" for fence in found):
        assert name in (*ON_A_LAPTOP, *ON_A_CLUSTER)


@pytest.mark.parametrize("name", PAGES)
def test_a_command_within_a_sentence_is_one_that_is_run_somewhere(name: str) -> None:
    known = [*run_on_pages(), *NOT_RUN]

    assert [command for command in told(name) if not fits(command, known)] == []


def test_what_is_not_run_is_listed_with_the_reason_and_nothing_else_is() -> None:
    shown = [command for command in shown_only() if not fits(command, run_on_pages())]
    within = [command for name in PAGES for command in told(name) if not fits(command, run_on_pages())]

    assert [command for command in shown if command not in NOT_RUN] == []
    assert [
        command for command in NOT_RUN if command not in shown and not any(fits(code, [command]) for code in within)
    ] == []
    assert all(NOT_RUN.values())
