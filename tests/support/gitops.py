"""What GitOps tools make of an object (`tools/gitops`): kstatus itself, and Lua scripts as Argo CD runs them."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.plane import ROOT

__all__ = ["GitOps"]

_CUSTOMIZATIONS: Final = ROOT / "docs" / "gitops" / "argocd-cm.yaml"
_GROUP: Final = "squared.ai"


@dataclass(frozen=True)
class GitOps:
    """The tool, and the scripts of the documentation."""

    binary: Path

    def kstatus(self, obj: Mapping[str, Any]) -> str:
        """The status that kstatus computes, such as ``Current``."""
        return str(self._ask(obj, "kstatus")["status"])

    def health(self, obj: Mapping[str, Any]) -> dict[str, str]:
        """Argo CD's health: status and message."""
        return dict(self._ask(obj, "lua", _customization("health", obj["kind"])))

    def actions(self, obj: Mapping[str, Any]) -> set[str]:
        """Names of the actions that Argo CD offers for it."""
        found = self._ask(obj, "lua", _actions(obj["kind"])["discovery.lua"])
        return {name for name, said in dict(found).items() if not (isinstance(said, dict) and said.get("disabled"))}

    def act(self, obj: Mapping[str, Any], action: str) -> dict[str, Any]:
        """The merge patch that Argo CD sends for an action."""
        [script] = [each["action.lua"] for each in _actions(obj["kind"])["definitions"] if each["name"] == action]
        return _merge_patch(obj, self._ask(obj, "lua", script))

    def _ask(self, obj: Mapping[str, Any], *words: str) -> Any:
        done = subprocess.run([self.binary, *words], input=json.dumps(obj), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def _customization(what: str, kind: str) -> str:
    data: dict[str, str] = yaml.safe_load(_CUSTOMIZATIONS.read_text())["data"]
    return data[f"resource.customizations.{what}.{_GROUP}_{kind}"]


def _actions(kind: str) -> dict[str, Any]:
    return dict(yaml.safe_load(_customization("actions", kind)))


def _merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            inner = _merge_patch(before, value)
            patch |= {key: inner} if inner else {}
        # Lua knows no empty object; Argo CD takes an empty list for one where it was one before.
        elif before != value and not (before == {} and value == []):
            patch[key] = value
    return patch
