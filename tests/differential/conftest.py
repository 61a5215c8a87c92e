"""The same questions to this project and to Kubernetes' own code; the answers must be the same.

A run tries the same cases each time. To look for new ones, 25 times as many from another seed (a quarter of an hour):

    DIFFERENTIAL_TIMES=25 DIFFERENTIAL_SEED=$RANDOM .venv/bin/python -m pytest tests/differential

What it finds is put into `tests/support/cron_tables.py` or `firing_tables.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cronlib import CronLib, running_cronlib
from tests.support.many import SEED, TIMES


@pytest.fixture(scope="session")
def cronlib(plane_binary: Path) -> Iterator[CronLib]:
    with running_cronlib(plane_binary) as running:
        yield running


@pytest.fixture(autouse=True)
def _seed_shown() -> None:
    print(f"the same cases again: DIFFERENTIAL_SEED={SEED} DIFFERENTIAL_TIMES={TIMES}")  # noqa: T201 - for the report
