"""The flows of docs/architecture.md pass modules that exist, each of which is imported by one before it.

What the page names within the modules is there too: actions, classes, functions.
"""

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest
from tests.support.plane import ROOT

CODE: Final = ROOT / "operator" / "sync_operator"
PACKAGE: Final = "sync_operator"
STEP: Final = re.compile(r"^\d+\. `(?P<module>[^`]+)`(?P<called>, called by [^:]+)?: \S")
FLOWS: Final = ("A spec edit", "A scheduled run", "A lost create", "A login token")


def listed(page: str) -> dict[str, list[str]]:
    """The lines of each flow's lists."""
    [chapter] = re.findall(r"^## Flows$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    pieces = re.split(r"^### (.*)$", chapter, flags=re.MULTILINE)[1:]
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return {title: [line for line in text.splitlines() if re.match(r"\d+\. ", line)] for title, text in pairs}


def imports(module: str) -> set[str]:
    """Paths of the project's modules that a module imports by itself."""
    found = set()
    for node in ast.walk(ast.parse((CODE / module).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            named = node.module.split(".")[1:]
            found |= {"/".join(named) + ".py", *("/".join([*named, alias.name]) + ".py" for alias in node.names)}
    return found


def faults(lines: list[str]) -> Iterator[str]:
    """What is wrong with the steps of one flow."""
    reached: set[str] = set()
    for line in lines:
        step = STEP.match(line)
        if step is None:
            yield f"not in the form '1. `MODULE`, called by …: what it does': {line}"
        elif not (CODE / step["module"]).is_file():
            yield f"{step['module']} does not exist"
        else:
            if step["module"] not in reached and not step["called"]:
                yield f"{step['module']} is imported by no module before it; move it, or say 'called by'"
            reached |= imports(step["module"])
    for module in re.findall(r", called by [^:]*?`([^` ]+\.py)`", "\n".join(lines)):
        if not (CODE / module).is_file():
            yield f"{module} does not exist"


TEXT: Final = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PAGE: Final = listed(TEXT)


def unknown_names(page: str) -> list[str]:
    """What a page names like a class, a function or a constant, though no module has such a word."""
    words = {word for path in CODE.rglob("*.py") for word in re.findall(r"\w+", path.read_text())}
    named = re.findall(r"`(\w+)`|(\w+)\(\)", page)
    return sorted({quoted or called for quoted, called in named} - words)


def test_what_the_page_names_is_in_the_code() -> None:
    assert unknown_names(TEXT) == []


def test_a_name_that_no_module_has_is_found() -> None:
    page = "`ReadRemote`, then `ReadNothingAtAll`; then succeeded(), or was_never_called(); `act.py`, `make check`"

    assert unknown_names(page) == ["ReadNothingAtAll", "was_never_called"]


def test_the_flows_are_all_there() -> None:
    assert tuple(PAGE) == FLOWS


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_follows_the_imports(flow: str) -> None:
    found = list(faults(PAGE[flow]))

    assert not found, "docs/architecture.md, " + flow + ":\n  " + "\n  ".join(found)


def test_a_step_that_nothing_leads_to_is_found() -> None:
    lines = [
        "1. `controller/sync/sync_reconciler.py`, called by `controller/workqueue/workqueue.py`: begins.",
        "1. `controller/sync/act.py`: is imported.",
        "1. `runner/main.py`: is not.",
        "1. `handlers/nowhere.py`: does not exist.",
        "1. controller/workqueue/workqueue.py does something",
    ]

    assert [fault.split(" ")[0] for fault in faults(lines)] == ["runner/main.py", "handlers/nowhere.py", "not"]
