"""Files with many Syncs, in each form that `validate` reads piece by piece."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.support.manifests import sync_manifest

from sync_operator.commands.export.yaml_writer import dump_yaml

__all__ = ["FORMS", "many_syncs", "one_sync"]


def many_syncs(count: int) -> list[dict[str, Any]]:
    """Syncs of all schedule types, all different; one of a hundred is wrong."""
    return [one_sync(number) for number in range(count)]


def one_sync(number: int) -> dict[str, Any]:
    cron = f"{number % 60} {number // 60 % 24} * * {number % 7}"
    schedules: tuple[dict[str, Any], ...] = (
        {"scheduleType": "cron_expression", "cronExpression": cron, "timeZone": "Europe/Berlin"},
        {"scheduleType": "interval", "syncInterval": 1 + number % 50, "syncIntervalUnit": "hours"},
        {"scheduleType": "manual"},
    )
    mapping = [
        {"from": f"column_{column}", "to": f"field_{number + column}", "mapping_type": "standard"}
        for column in range(1 + number % 7)
    ]
    model = "7" if number % 100 == 50 else number + 1
    return sync_manifest(f"sync-{number}", modelId=model, configuration=mapping, **schedules[number % 3])


def _list(items: str) -> str:
    return f"apiVersion: v1\nkind: List\nitems:\n{items}"


def _item(sync: dict[str, Any]) -> str:
    lines = dump_yaml(sync).splitlines()
    return "".join(f"{'  ' if number else '- '}{line}\n" for number, line in enumerate(lines))


def _mixed_item(number: int, sync: dict[str, Any]) -> str:
    return _item(sync) if number % 100 else f"- {json.dumps(sync)}\n"


FORMS: Final[dict[str, Callable[[Sequence[dict[str, Any]]], str]]] = {
    "documents": lambda syncs: "---\n".join(map(dump_yaml, syncs)),
    "items": lambda syncs: "".join(map(_item, syncs)),
    "list": lambda syncs: _list("".join(map(_item, syncs))),
    "list of mixed styles": lambda syncs: _list("".join(_mixed_item(*pair) for pair in enumerate(syncs))),
    "JSON list": lambda syncs: json.dumps({"apiVersion": "v1", "kind": "List", "items": syncs}, indent=2),
}
"""Form → the text with the Syncs; items are those of a List, without it."""
