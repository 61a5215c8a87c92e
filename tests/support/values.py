"""The chart's values and their schema, taken apart."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.helm import CHART
from tests.support.plane import ROOT

__all__ = ["EARLIER", "SCHEMA", "VALUES", "WHOLE", "branches", "chart_of", "leaves"]

SCHEMA: Final[dict[str, Any]] = json.loads((CHART / "values.schema.json").read_text())
VALUES: Final[dict[str, Any]] = yaml.safe_load((CHART / "values.yaml").read_text())
WHOLE: Final = frozenset({"/affinity", "/resources", "/runner/affinity", "/runner/resources"})
"""Objects with listed properties that are passed on as they are."""
EARLIER: Final[list[dict[str, Any]]] = [
    json.loads(line) for line in (ROOT / "tests" / "helm" / "earlier_values.jsonl").read_text().splitlines()
]
"""What values.yaml held at each commit that changed it; `make generate` adds to it."""


def chart_of(values: dict[str, Any], folder: Path) -> Path:
    """The chart with the defaults of an earlier one, which is what `--reuse-values` makes of it."""
    chart = folder / "sync-operator"
    shutil.copytree(CHART, chart)
    (chart / "values.yaml").write_text(yaml.safe_dump(values))
    return chart


def branches(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object schema that lists its properties, with where it is."""
    if "properties" in schema:
        yield path, schema
        for name, below in schema["properties"].items():
            yield from branches(below or {}, f"{path}/{name}")


def leaves(values: Mapping[str, Any] = VALUES, path: str = "") -> Iterator[str]:
    """Where each value is, of a file in the shape of values.yaml."""
    inner = {where for where, _ in branches(SCHEMA)} - WHOLE
    for name, value in values.items():
        here = f"{path}/{name}"
        yield from leaves(value, here) if here in inner else [here]
