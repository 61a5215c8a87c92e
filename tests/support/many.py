"""How many random cases a comparison tries, and which."""

import os
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from tests.support.cron_cases import BATCH

__all__ = ["SEED", "TIMES", "many"]

SEED: Final = int(os.environ.get("DIFFERENTIAL_SEED", "20261124"))
TIMES: Final = int(os.environ.get("DIFFERENTIAL_TIMES", "1"))


def many(cases: int) -> Callable[[Callable[..., None]], Any]:
    """Run a property of batches with so many cases, or $DIFFERENTIAL_TIMES as many, chosen by $DIFFERENTIAL_SEED."""
    decorators = (
        settings(
            max_examples=TIMES * cases // BATCH,
            database=None,
            phases=[Phase.generate],  # a smaller seed is no simpler case
            suppress_health_check=[HealthCheck.too_slow],
        ),
        seed(SEED),
        pytest.mark.timeout(120 + 60 * TIMES),
    )

    def decorate(test: Callable[..., None]) -> Any:
        for decorator in decorators:
            test = decorator(test)
        return test

    return decorate
