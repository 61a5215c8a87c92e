"""The layout of the package: small folders, small modules, one name for each, and the field's terms where one looks.

One looks at names of files, at their first lines, and into docs/architecture.md.
"""

import ast
import re
from collections import Counter
from typing import Final

import pytest
from tests.support.plane import ROOT

PACKAGE: Final = ROOT / "operator" / "sync_operator"
MODULES: Final = tuple(path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py")
MAX_MODULES: Final = 9
MAX_LINES: Final = 350
CROWDED: Final[dict[str, str]] = {}
"""Folder with more modules than `MAX_MODULES` → why."""
LONG: Final[dict[str, str]] = {}
"""Module with more lines than `MAX_LINES` → why."""
TERMS: Final = (
    ("rate limiter", "syncapi/flow/request_gate.py"),
    ("rate limiter", "syncapi/flow/token_bucket.py"),
    ("token bucket", "syncapi/flow/token_bucket.py"),
    ("circuit breaker", "syncapi/flow/circuit_breaker.py"),
    ("informer", "controller/informer/store.py"),
    ("store", "controller/informer/store.py"),
    ("indexer", "controller/informer/indexer.py"),
    ("workqueue", "controller/workqueue/workqueue.py"),
    ("backoff", "controller/workqueue/workqueue.py"),
    ("single flight", "controller/drift/single_flight.py"),
    ("leader election", "controller/leader_election.py"),
    ("fencing", "controller/leader_election.py"),
    ("fencing", "controller/registration/create_fence.py"),
    ("fencing", "domain/create_fence/create_intent.py"),
    ("snapshot", "domain/snapshot.py"),
    ("field path", "api/validation/strict_validation.py"),
    ("dry run", "commands/plan/dry_run.py"),
    ("drift", "controller/drift/drift_reconciler.py"),
    ("drift", "domain/registration/field_diff.py"),
)
"""Term of the field, and a module whose path or docstring has it."""
MAPPED: Final = ("controller", "domain", "kubernetes", "runner", "syncapi")
"""Folders of which docs/architecture.md names each module."""
ARCHITECTURE: Final = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def as_words(text: str) -> str:
    """Lower case, with blanks for what joins the words of a name."""
    return re.sub(r"[_-]", " ", text.lower())


def test_no_folder_is_crowded() -> None:
    counts = Counter(str(path.parent.relative_to(PACKAGE)) for path in MODULES)

    assert {folder for folder, count in counts.items() if count > MAX_MODULES} == set(CROWDED)


def test_no_file_name_stands_twice() -> None:
    assert {name for name, count in Counter(path.name for path in MODULES).items() if count > 1} == {"main.py"}


def test_no_module_is_long() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in MODULES}

    assert {module for module, count in lines.items() if count > MAX_LINES} == set(LONG)


@pytest.mark.parametrize(("term", "module"), TERMS)
def test_a_term_is_found_where_one_looks(term: str, module: str) -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / module).read_text())) or ""

    assert term in as_words(f"{module} {docstring}")


@pytest.mark.parametrize(("term", "module"), TERMS)
def test_the_architecture_leads_from_a_term_to_its_module(term: str, module: str) -> None:
    assert [line for line in ARCHITECTURE.splitlines() if term in as_words(line) and f"`{module}`" in line]


def test_the_architecture_names_each_module_of_its_folders() -> None:
    modules = [str(path.relative_to(PACKAGE)) for path in MODULES]

    assert [name for name in modules if name.startswith(MAPPED) and f"`{name}`" not in ARCHITECTURE] == []
