"""Quantities in a CronJob are equal when they mean the same amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.decide.scheduling import _holds

SAME = [
    ("1", "1000m"),
    ("0.5", "500m"),
    (".5", "500m"),
    ("1.", "1"),
    ("1Gi", "1024Mi"),
    ("0.5Gi", "512Mi"),
    ("1k", "1000"),
    ("1M", "1000k"),
    ("1Ki", "1024"),
    ("1000000u", "1"),
    ("1000000000n", "1"),
]
DIFFERENT = [("1", "1k"), ("1Gi", "1G"), ("100m", "100M"), ("1", "1.5"), ("1Mi", "1Ki"), ("1", "1x"), ("x", "y")]


@pytest.mark.parametrize(
    ("written", "answered", "same"), [(*pair, True) for pair in SAME] + [(*pair, False) for pair in DIFFERENT]
)
def test_amounts(written: str, answered: str, same: bool) -> None:
    for one, other in ((written, answered), (answered, written)):
        wanted, found = ({"containers": [{"resources": {"limits": {"cpu": amount}}}]} for amount in (one, other))
        assert _holds(wanted, found) is same


@given(st.decimals(0, 1000, places=3), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_trailing_zeros_mean_nothing(amount: Decimal, unit: str) -> None:
    assert _holds({"resources": {"cpu": f"{amount}{unit}"}}, {"resources": {"cpu": f"{amount}000{unit}"}})


def test_only_resources_are_quantities() -> None:
    assert not _holds({"env": [{"value": "1000m"}]}, {"env": [{"value": "1"}]})
