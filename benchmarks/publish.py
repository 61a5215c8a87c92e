"""`python -m benchmarks.publish FOLDER`: pictures and tables, made anew from the figures that are kept in a folder."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.picture import bench_picture, churn_picture
from benchmarks.report import bench_report, churn_report, pipelines_report, with_report

__all__ = ["keep", "publish", "report"]

_BENCH: Final = "figures"
_CHURN: Final = "churn"
_PIPELINES: Final = "pipelines"


def keep(folder: Path, name: str, kept: dict[str, Any]) -> None:
    """Write figures (`figures`, `pipelines` or `churn`) as JSON, and all that is made of them."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(kept, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    publish(folder)


def report(folder: Path) -> list[str]:
    """The tables of all figures in a folder."""
    lines: list[str] = []
    if kept := _read(folder, _BENCH):
        lines += [f"![time](./{_BENCH}.svg)", "", *bench_report(kept)]
    if kept := _read(folder, _PIPELINES):
        lines += pipelines_report(kept)
    if kept := _read(folder, _CHURN):
        lines += [f"![memory](./{_CHURN}.svg)", "", *churn_report(kept)]
    return lines


def publish(folder: Path) -> None:
    """Write the pictures, and the tables into the README if there is one."""
    if kept := _read(folder, _BENCH):
        (folder / f"{_BENCH}.svg").write_text(bench_picture(kept))
    if kept := _read(folder, _CHURN):
        (folder / f"{_CHURN}.svg").write_text(churn_picture(kept))
    readme = folder / "README.md"
    if readme.exists():
        readme.write_text(with_report(readme.read_text(), report(folder)))


def _read(folder: Path, name: str) -> dict[str, Any] | None:
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
