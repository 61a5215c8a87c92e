"""An upgrade with `--reuse-values` takes the values of the chart that is installed for the new one's defaults."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.helm import CHART, EVERYTHING, NAMESPACE, RELEASE, Helm, the
from tests.support.values import EARLIER, chart_of


@pytest.mark.parametrize("values", EARLIER, ids=range(len(EARLIER)))
def test_a_release_of_every_earlier_chart_gets_the_new_defaults(
    helm: Helm, tmp_path: Path, values: dict[str, Any]
) -> None:
    chart = chart_of(values, tmp_path)

    def rendered(chart: Path, given: dict[str, Any]) -> str:
        return helm("install", RELEASE, chart, "--namespace", NAMESPACE, "--dry-run=client", values=given)

    for given in ({}, EVERYTHING):
        old, new = (rendered(each, given).partition("HOOKS:")[2] for each in (chart, CHART))
        assert "kind: Deployment" in old
        assert old == new


def test_the_last_one_is_this_charts() -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text()) in EARLIER


@pytest.mark.parametrize("name", ["workers", "watchNamespaces", "leaderElection", "log"])
def test_a_value_that_is_taken_away_has_its_default(helm: Helm, name: str) -> None:
    assert helm.template("--set", f"{name}=null") == helm.template()


def test_what_is_left_out_of_the_pod_on_purpose_stays_out(helm: Helm) -> None:
    def pod(*removed: str) -> dict[str, Any]:
        options = ("--set", ",".join(f"{name}=null" for name in removed))
        found: dict[str, Any] = the("Deployment", helm.template(*options))["spec"]["template"]["spec"]
        return found

    assert "resources" not in pod("resources")["containers"][0]
    made = pod("podSecurityContext.runAsNonRoot", "resources.limits")
    assert made["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert set(made["containers"][0]["resources"]) == {"requests"}
