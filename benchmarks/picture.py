"""What was measured, as pictures: SVG without scripts, the same bytes for the same figures. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

import pygal
from pygal.style import CleanStyle

from benchmarks.contenders import Contender
from benchmarks.figures import read_figures
from benchmarks.work import Phase

__all__ = ["bench_picture", "churn_picture"]

_TIMED: Final = (Phase.CREATE, Phase.UPDATE, Phase.DELETE, Phase.RESTART)
_LOOKS: Final[Mapping[str, Any]] = {
    "js": [],
    "width": 900,
    "height": 400,
    "style": CleanStyle(background="white", plot_background="white"),
    "legend_at_bottom": True,
}


def bench_picture(kept: Mapping[str, Any]) -> str:
    """Time of each phase as a multiple of the floor's, side by side."""
    seconds = {(entry.contender, entry.syncs, entry.phase): entry.seconds for entry in read_figures(kept)}
    sizes = sorted({syncs for _, syncs, _ in seconds})
    columns = [(syncs, phase) for phase in _TIMED for syncs in sizes if seconds.get((Contender.FLOOR, syncs, phase))]
    chart = pygal.Bar(title="Time, as a multiple of the floor's", x_label_rotation=30, range=(0, None), **_LOOKS)
    chart.x_labels = [f"{phase} {syncs:,}" for syncs, phase in columns]
    for who in Contender:
        of_floor = [
            round(found / seconds[Contender.FLOOR, *column], 2) if (found := seconds.get((who, *column))) else None
            for column in columns
        ]
        chart.add(who, of_floor)
    return _svg(chart)


def churn_picture(kept: Mapping[str, Any]) -> str:
    """Memory of the operator's process over time."""
    title = f"Memory of the operator with {kept['load']['syncs']:,} Syncs, in MiB"
    chart = pygal.XY(title=title, x_title="minutes", show_dots=False, range=(0, None), **_LOOKS)
    for name, samples in kept["samples"].items():
        chart.add(name, _points(samples))
    return _svg(chart)


def _points(samples: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    return [(minute, memory) for minute, memory in samples]


def _svg(chart: Any) -> str:
    chart.uuid = "figures"
    chart.add_xml_filter(_still)
    return str(chart.render(is_unicode=True)) + "\n"


def _still(root: ET.Element) -> ET.Element:
    """Without pygal's scripts, and without its comments, which hold the date."""
    for parent in list(root.iter()):
        for child in [entry for entry in parent if not isinstance(entry.tag, str) or entry.tag.endswith("script")]:
            parent.remove(child)
    return root
