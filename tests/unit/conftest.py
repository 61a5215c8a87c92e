"""The golden file of messages: `tests/support/messages.py` says what it is for."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.support.messages import GOLDEN, Entry, Messages, entries, page

_RECORDED = pytest.StashKey[dict[str, list[Entry]]]()
_SAID = pytest.StashKey[dict[str, list[Entry]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RECORDED] = entries(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}
    config.stash[_SAID] = {}


def _name(item: pytest.Item) -> str:
    """What a test is called in the golden file."""
    return item.nodeid.removeprefix("tests/unit/")


def _file(test: str) -> Path:
    """The file of a test."""
    return GOLDEN.parent / test.partition("::")[0]


@pytest.fixture
def messages(request: pytest.FixtureRequest) -> Messages:
    """Compares messages with the entries of this test in the golden file."""
    config = request.config
    recorded = config.stash[_RECORDED].get(_name(request.node), ())
    return Messages(recorded, writes=config.getoption("write_messages"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("write_messages"):
        items[:] = [item for item in items if "messages" in getattr(item, "fixturenames", ())]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    used = getattr(item, "funcargs", {}).get("messages")
    if isinstance(used, Messages):
        used.close()
        item.config.stash[_SAID][_name(item)] = used.said
    return result


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the golden file, where that was asked for and no test failed; of files that did not run, entries stay."""
    if exitstatus or not session.config.getoption("write_messages"):
        return
    said = session.config.stash[_SAID]
    ran = {_file(test) for test in said}
    kept = {test: old for test, old in session.config.stash[_RECORDED].items() if _file(test) not in ran}
    text = page({test: entry for test, entry in (kept | said).items() if entry and _file(test).exists()})
    GOLDEN.write_text(text, "utf-8")
