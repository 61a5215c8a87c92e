"""How late the turns of an event loop came, read from the very page that the operator serves."""

import pytest
from benchmarks.lag import Lag, read_lag

from sync_operator.controller.metrics.metrics import Metrics
from sync_operator.controller.metrics.state_metrics import Sources


def page(*lags: float) -> str:
    metrics = Metrics(Sources())
    for lag in lags:
        metrics.observe_lag(lag)
    return metrics.render().decode()


@pytest.mark.parametrize(
    ("lags", "longest", "p99"),
    [
        ([0.001] * 99 + [0.0612], 61.2, 5.0),
        ([0.001] * 98 + [0.0612] * 2, 61.2, 61.2),
        ([0.003] * 10, 3.0, 3.0),
        ([0.04] * 990 + [0.7] * 10, 700.0, 50.0),
        ([45.0] * 5, 45_000.0, 45_000.0),
    ],
)
def test_the_longest_and_what_nearly_all_do_not_exceed(lags: list[float], longest: float, p99: float) -> None:
    assert read_lag(page(*lags)) == Lag(longest=longest, p99=p99)


def test_a_page_without_it_is_no_lag_of_zero() -> None:
    with pytest.raises(ValueError, match="no lag"):
        read_lag("sync_operator_queue_depth 0\n")
