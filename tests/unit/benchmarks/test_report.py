"""Tables and pictures: each figure in its place, and the README as the figures have it."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from benchmarks.figures import Figure
from benchmarks.publish import keep, report
from benchmarks.report import BEGIN, END, bench_report, churn_report, pipelines_report, with_report
from tests.support.plane import ROOT

FACTS: Final = {
    "at": "2026-01-01T00:00:00+00:00",
    "cores": 2,
    "memory": "24 GiB",
    "kernel": "Linux 6",
    "kubernetes": "v1",
    "python": "3.13",
    **dict.fromkeys(("kopf", "aiohttp", "httpcore", "uvloop"), "1"),
}
CREATE: Final = Figure(
    contender="operator",
    syncs=2000,
    phase="create",
    seconds=10.0,
    cpu=5.0,
    peak=100.4,
    settled=90.0,
    cluster={"PATCH syncs": 2000},
    server={"POST /syncs": 2000},
    yardstick=2.0,
    around={"kube-apiserver": 40.0, "etcd": 3.0},
    longest_lag=61.25,
    most_lag=10.0,
)
FIGURES: Final = [
    CREATE,
    replace(CREATE, contender="floor", seconds=9.0, cpu=4.0, longest_lag=None, most_lag=None),
    replace(
        CREATE,
        contender="plain",
        seconds=12.0,
        cpu=8.0,
        cluster={"PATCH syncs": 4000},
        longest_lag=None,
        most_lag=None,
    ),
    replace(CREATE, phase="compare", seconds=0.0, cluster={}, server={"GET /syncs": 1}),
]
BENCH: Final = {"machine": FACTS, "figures": [asdict(figure) for figure in FIGURES]}
WAITED: Final = {"count": 300, "p50": 0.1, "p99": 0.2, "most": 0.4}
CHURN: Final = {
    "machine": FACTS,
    "load": {"syncs": 10_000, "workspaces": 5, "delay": 10.0, "changes": 100, "runs": 50, "minutes": 30},
    "idle": {"healthy": WAITED},
    "churn": {"healthy": WAITED | {"p99": 0.7}, "slow": WAITED, "runs": WAITED},
    "memory": {"peak": 200.0, "settled": 100.0},
    "samples": {"idle": [[0.0, 100.0], [1.0, 100.0]], "churn": [[2.0, 100.0], [3.0, 101.0], [4.0, 102.0]]},
}


def cells(lines: list[str], *start: str) -> list[str]:
    """The row of a table that starts so."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    [row] = [row for row in rows if row[: len(start)] == list(start)]
    return row


def test_each_contender_stands_beside_the_floor() -> None:
    lines = list(bench_report(BENCH))

    ours, plain = (" ".join(cells(lines, "2,000", "create", who)[3:]) for who in ("operator", "plain"))
    assert ours == "10.0 1.11 2.50 1.25 100 90 1.00 1.00 10.0 61.2 2.00"
    assert plain == "12.0 1.33 4.00 2.00 100 90 2.00 1.00 - - 2.00"
    assert cells(lines, "2,000", "compare", "operator")[3:5] == ["-", "-"]
    assert cells(lines, "create", "operator")[2:] == ["2.50", "20.00", "1.50", "24.00"], "itself, the others, and all"
    assert cells(lines, "create", "PATCH syncs")[2:] == ["1.00", "1.00", "2.00"]
    assert cells(lines, "create 2,000: Syncs a second, of the floor's")[1:] == [">= 0.80 x", "0.90 x", "reached"]
    assert cells(lines, "create 2,000: Syncs a second, of the plain operator's")[3] == "**not reached**"
    assert cells(lines, "2,000: latest turn of the event loop")[1:] == ["<= 50.00 ms", "61.25 ms", "**not reached**"]
    assert not any("GET /syncs" in line for line in lines), "one request for 2,000 Syncs is none a Sync"


def test_churn_is_told_with_its_bars() -> None:
    lines = list(churn_report(CHURN))

    assert cells(lines, "from change to Ready", "churn")[2:] == ["300", "0.10", "0.70", "0.40"]
    assert cells(lines, "churn 10,000: change to Ready, 99 %, of its value when idle")[1:] == [
        *("<= 3.00 x", "3.50 x", "**not reached**"),
    ]
    assert any("last third less first third +2.0 MiB, slope +60.0 MiB an hour" in line for line in lines)


def test_figures_are_kept_with_pictures_of_them(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"# Head\n\n{BEGIN}\nold\n{END}\n\ntail\n")

    keep(tmp_path, "figures", BENCH)
    keep(tmp_path, "churn", CHURN)

    page = (tmp_path / "README.md").read_text()
    assert page.startswith(f"# Head\n\n{BEGIN}\n")
    assert page.endswith(f"{END}\n\ntail\n")
    assert "old" not in page
    assert page == with_report(page, report(tmp_path)), "written once more it stays as it is"
    assert "CPU a Sync" in page
    assert "change to Ready" in page
    for name, words in (("figures", {"create 2,000", "operator", "floor", "plain"}), ("churn", {"idle", "minutes"})):
        picture = ET.parse(tmp_path / f"{name}.svg")  # noqa: S314 - our own
        assert words <= set(texts(picture.getroot()))
        assert not list(picture.getroot().iter("{http://www.w3.org/2000/svg}script"))


def test_the_readme_says_what_the_kept_figures_say() -> None:
    """Else: `python -m benchmarks.publish benchmarks`."""
    folder = ROOT / "benchmarks"
    page = (folder / "README.md").read_text()

    assert page == with_report(page, report(folder))


def texts(root: Any) -> list[str]:
    return [entry.text.strip() for entry in root.iter() if entry.text]


def test_figures_of_pipelines_are_told_beside_the_floor() -> None:
    figures = [asdict(replace(figure, syncs=1000)) for figure in FIGURES if figure.contender != "plain"]
    lines = list(pipelines_report({"machine": FACTS, "figures": figures}))

    assert any("create 1,000 pipelines: time, of the floor's" in line and "1.11 x" in line for line in lines)
    assert any("CPU ms a pipeline" in line for line in lines)
    [request] = [line for line in lines if "PATCH syncs" in line]
    assert [cell.strip() for cell in request.strip("|").split("|")] == ["create", "PATCH syncs", "2.00", "2.00"]
