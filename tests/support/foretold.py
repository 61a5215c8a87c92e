"""Random sets of Connectors, Models and Syncs, and what of a plan for them the controller must then have done."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.manifests import merged
from tests.support.pipeline import DESTINATION, SOURCE
from tests.support.syncs import MAPPING, condition

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, MODEL_KIND, SYNC_KIND

__all__ = ["LISTS", "WORKSPACES", "Manifests", "disagreements", "is_settled"]

LISTS: Final = {CONNECTOR_KIND: "connectors", MODEL_KIND: "models", SYNC_KIND: "syncs"}
"""Kind → its list in a plan, and its collection on the server."""
WORKSPACES: Final = {"default": 1, "second": 2}
"""Name of a Workspace → the server's id of its workspace."""
_STREAMS: Final = ("contacts", "companies", "deals")
_QUERIES: Final = ("SELECT id, email FROM customers ORDER BY id", "SELECT id FROM customers ORDER BY id")


@dataclass
class Manifests:
    """A set of manifests that changes from round to round.

    Attributes:
        dice: what is chosen by.
        specs: by kind and name.
    """

    dice: random.Random
    specs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def begin(self) -> None:
        """One to three pipelines of one to three Models, each in one of the Workspaces."""
        for number in range(self.dice.randint(1, 3)):
            workspace = {"workspaceRef": {"name": self.dice.choice(list(WORKSPACES))}}
            source, destination = f"warehouse-{number}", f"crm-{number}"
            self.specs[CONNECTOR_KIND, source] = merged(SOURCE, workspace)
            self.specs[CONNECTOR_KIND, destination] = merged(DESTINATION, workspace)
            for each in range(self.dice.randint(1, 3)):
                self._add_model(f"{number}-{each}", source, destination, workspace, _STREAMS[each])

    def change(self) -> None:
        """A few changes, some of which cannot be carried out."""
        for _ in range(self.dice.randint(1, 4)):
            kind, name = self.dice.choice(sorted(self.specs))
            self.specs[kind, name] = merged(self.specs[kind, name], self._change(kind))
        if self.dice.random() < 0.5:
            wanted = self.dice.choice(sorted(name for kind, name in self.specs if kind == SYNC_KIND))
            spec = self.specs[SYNC_KIND, wanted]
            number = f"{wanted.removeprefix('sync-')}-more"
            workspace = {"workspaceRef": spec["workspaceRef"]}
            source, destination = spec["sourceRef"]["name"], spec["destinationRef"]["name"]
            self._add_model(number, source, destination, workspace, "line_items")

    def documents(self) -> list[dict[str, Any]]:
        """All of them, in any order."""
        found = [
            {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
            for (kind, name), spec in self.specs.items()
        ]
        self.dice.shuffle(found)
        return found

    def _add_model(self, number: str, source: str, destination: str, workspace: Mapping[str, Any], stream: str) -> None:
        self.specs[MODEL_KIND, f"model-{number}"] = {
            **workspace,
            "connectorRef": {"name": source},
            "query": _QUERIES[0],
            "primaryKey": "id",
        }
        self.specs[SYNC_KIND, f"sync-{number}"] = {
            **workspace,
            "sourceRef": {"name": source},
            "destinationRef": {"name": destination},
            "modelRef": {"name": f"model-{number}"},
            "scheduleType": "manual",
            "streamName": stream,
            "configuration": MAPPING,
        }

    def _change(self, kind: str) -> dict[str, Any]:
        if kind == CONNECTOR_KIND:
            return self.dice.choice(
                [
                    {"description": f"round {self.dice.randint(1, 99)}"},
                    {"name": f"renamed {self.dice.randint(1, 999)}"},
                    {"driftPolicy": "Report"},
                    {"check": "OnChange"},
                ]
            )
        if kind == MODEL_KIND:
            return self.dice.choice(
                [
                    {"query": self.dice.choice(_QUERIES)},
                    {"description": f"round {self.dice.randint(1, 99)}"},
                    {"deletionPolicy": "Retain"},
                ]
            )
        return self.dice.choice(
            [
                {"syncMode": "incremental"},
                {"configuration": [MAPPING[0] | {"to": f"key_{self.dice.randint(1, 9)}"}]},
                {"suspend": True},
            ]
        )


def is_settled(planned: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    """True once the controller has come as far as the plan says, for the object's present generation."""
    ready = condition(obj)
    if ready.get("observedGeneration") != obj["metadata"]["generation"]:
        return False
    if planned["action"] != "blocked":
        return bool(ready["status"] == "True")
    return bool(ready["status"] == "False" and ready["reason"] == planned["notes"][0].partition(":")[0])


def disagreements(
    kind: str, planned: Mapping[str, Any], obj: Mapping[str, Any], log: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Where the controller has done something else than the plan says.

    Args:
        kind: of the resource.
        planned: its entry in the plan.
        obj: the object afterwards.
        log: the writes that the server received since.
    """
    who, action, status = f"{kind} {planned['name']}", planned["action"], obj.get("status", {})
    path = f"/{LISTS[kind]}/{status.get('id')}"
    calls = Counter(entry["method"] for entry in log if entry["path"].endswith(path) and entry["status"] < 300)
    expected = "Adopted" if action == "adopt" else "Created"
    if action in {"create", "adopt"} and status.get("origin") != expected:
        yield f"{who}: {action} was foretold, and status.origin is {status.get('origin')}"
    if planned["id"] not in {None, status.get("id")}:
        yield f"{who}: was foretold to be {planned['id']}, and is {status.get('id')}"
    if action in {"update", "adopt", "nothing", "blocked"}:
        wanted = bool(planned["changes"]) and action != "blocked"
        if bool(calls["PUT"]) is not wanted:
            changes = len(planned["changes"])
            yield f"{who}: {action} with {changes} changes was foretold, and there were {calls['PUT']} PUT"
    if action == "create" and calls["PUT"]:
        yield f"{who}: create was foretold, and there were {calls['PUT']} PUT"
