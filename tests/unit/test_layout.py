"""The layout of the package: small folders, small modules, one name for each, and the field's terms where one looks."""

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[2] / "operator" / "sync_operator"
MODULES: Final = tuple(path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py")
MAX_MODULES: Final = 9
MAX_LINES: Final = 350
CROWDED: Final[dict[str, str]] = {}
"""Folder with more modules than `MAX_MODULES` → why."""
LONG: Final[dict[str, str]] = {}
"""Module with more lines than `MAX_LINES` → why."""
TERMS: Final = {
    "rate limiter": "syncapi/flow/__init__.py",
    "token bucket": "syncapi/flow/token_bucket.py",
    "circuit breaker": "syncapi/flow/circuit_breaker.py",
    "informer": "controller/informer/__init__.py",
    "store": "controller/informer/store.py",
    "indexer": "controller/informer/indexer.py",
    "workqueue": "controller/workqueue/workqueue.py",
    "single flight": "controller/drift/single_flight.py",
    "leader election": "controller/leader_election.py",
    "fenc": "domain/create_fence/create_intent.py",
    "snapshot": "domain/snapshot.py",
    "fieldpath": "api/validation/strict_validation.py",
    "dry run": "commands/plan/dry_run.py",
    "drift": "controller/drift/drift_reconciler.py",
}
"""Term of the field → the module whose name, docstring or `__all__` has it."""


def test_no_folder_is_crowded() -> None:
    counts = Counter(str(path.parent.relative_to(PACKAGE)) for path in MODULES)

    assert {folder for folder, count in counts.items() if count > MAX_MODULES} == set(CROWDED)


def test_no_file_name_stands_twice() -> None:
    assert {name for name, count in Counter(path.name for path in MODULES).items() if count > 1} == {"main.py"}


def test_no_module_is_long() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in MODULES}

    assert {module for module, count in lines.items() if count > MAX_LINES} == set(LONG)


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_found_where_one_looks(term: str) -> None:
    path = PACKAGE / TERMS[term]
    head = " ".join(path.read_text().splitlines()[:40])

    assert term in f"{path.stem.replace('_', ' ')} {head}".lower().replace("-", " ")
