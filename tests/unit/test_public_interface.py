"""Nothing that users write or read changes without an announcement in the changelog."""

import re
from collections.abc import Iterable
from typing import Final

import pytest
from tests.support.plane import ROOT

from public_interface import entries
from sync_operator.settings import ControllerSettings, ToolSettings
from sync_operator.variables import CONTROLLER_PREFIX, CONTROLLER_VARIABLES, TOOL_VARIABLES

RELEASED: Final = (ROOT / "tests" / "unit" / "public_interface.txt").read_text().splitlines()
CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text()
HELP: Final = """

Announce each below "## Unreleased" in CHANGELOG.md, by its name in backticks and with what users have to do, and
describe it in docs/. Then run `make generate`. Of a kind or command that is new or gone, its name is enough."""


def name_of(entry: str) -> str:
    """What has to be announced: the name without the kind of thing and the facts."""
    return entry.partition(" ")[2].partition(": ")[0]


def unannounced(now: Iterable[str], released: Iterable[str], changelog: str) -> list[str]:
    """Entries that were added (+) or removed (-), and are not named below "Unreleased"."""
    now, released = set(now), set(released)
    [section] = re.findall(r"^## Unreleased$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`([^`]+)`", section))
    kinds = {name_of(entry) for entry in now ^ released if entry.startswith("kind ")}
    kinds -= {name_of(entry) for entry in now if entry.startswith("kind ")} & {
        name_of(entry) for entry in released if entry.startswith("kind ")
    }
    commands = {name_of(entry) for entry in now ^ released if entry.startswith("command ")} & named
    changes = sorted([f"+ {entry}" for entry in now - released] + [f"- {entry}" for entry in released - now])
    return [
        change
        for change in changes
        if name_of(change[2:]) not in named
        and name_of(change[2:]).split()[0] not in kinds & named
        and not name_of(change[2:]).startswith(tuple(f"{command} " for command in commands))
    ]


def test_each_change_since_the_last_release_is_announced() -> None:
    missing = unannounced(entries(ROOT), RELEASED, CHANGELOG)

    assert not missing, "the public interface changed:\n  " + "\n  ".join(missing) + HELP


OLD: Final = ["kind Sync: v1", "field Sync spec.a: string", "setting X: none"]


@pytest.mark.parametrize(
    ("now", "section", "missing"),
    [
        pytest.param(OLD, "", [], id="nothing changed"),
        pytest.param([*OLD, "metric m: gauge"], "", ["+ metric m: gauge"], id="added"),
        pytest.param([*OLD, "metric m: gauge"], "New: `m`.", [], id="added and announced"),
        pytest.param(OLD[:2], "", ["- setting X: none"], id="removed"),
        pytest.param([*OLD[:2], "setting X: 5"], "", ["+ setting X: 5", "- setting X: none"], id="another default"),
        pytest.param([*OLD[:2], "setting X: 5"], "Default of `X`.", [], id="another default, announced"),
        pytest.param([*OLD, "kind Model: v1", "field Model spec.b: string"], "Kind `Model`.", [], id="a new kind"),
        pytest.param([*OLD, "command fly", "option fly -h: yes"], "New: `fly`.", [], id="a new command"),
        pytest.param(
            [*OLD, "field Sync spec.b: string"], "For a `Sync`.", ["+ field Sync spec.b: string"], id="of a known kind"
        ),
    ],
)
def test_what_counts_as_announced(now: list[str], section: str, missing: list[str]) -> None:
    changelog = f"# Changelog\n\n## Unreleased\n\n{section}\n\n## 0.1.0\n\n`m`, `X`\n"

    assert unannounced(now, OLD, changelog) == missing


class Recorder(dict[str, str]):
    """An environment that notes what is asked for."""

    def __init__(self, **values: str) -> None:
        super().__init__(**values)
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.asked.add(key)
        return super().get(key, default)


def test_the_listed_settings_are_those_that_are_read() -> None:
    controller = Recorder(SYNC_OPERATOR_RUNNER_IMAGE="image")
    tools = Recorder()

    ControllerSettings.from_environment(controller)
    ToolSettings.from_environment(tools)

    read = {name for name in controller.asked if name.startswith(CONTROLLER_PREFIX)}
    assert read == {CONTROLLER_PREFIX + name for name in CONTROLLER_VARIABLES}
    assert set(TOOL_VARIABLES) <= tools.asked
    assert {name for name in tools.asked if name.startswith("SYNC_API_")} <= set(TOOL_VARIABLES)
