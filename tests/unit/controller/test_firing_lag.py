"""How far the clock of the CronJob controller seems to be behind."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.snapshots import NOW, finished_job

from sync_operator.controller.informer.store import Store
from sync_operator.controller.sync.start_lookups import MAX_LAG, firing_lag, latest_jobs
from sync_operator.domain.runs.job_state import JobView

MINUTE = timedelta(minutes=1)


def late(minutes: float, *, at: float = 0) -> JobView:
    """A Job that came so long after it was due."""
    made = NOW + at * MINUTE
    return finished_job("a", at=made, due=made - minutes * MINUTE)


@pytest.mark.parametrize(
    ("jobs", "minutes"),
    [
        pytest.param([], 0, id="no Job tells"),
        pytest.param([finished_job("a", at=NOW)], 0, id="nor one without a schedule"),
        pytest.param([late(3), late(5), late(4)], 3, id="the quickest"),
        pytest.param([late(3), late(0.01)], 0.01, id="others were on time"),
        pytest.param([late(-2)], 0, id="it is ahead"),
        pytest.param([late(600)], MAX_LAG / MINUTE, id="it was away"),
        pytest.param([late(0), *(late(3, at=number) for number in range(1, 30))], 3, id="the newest"),
    ],
)
def test_the_quickest_of_the_newest_jobs_tells(jobs: list[JobView], minutes: float) -> None:
    assert firing_lag(jobs) == minutes * MINUTE


def job(namespace: str, created: str) -> dict[str, Any]:
    """A Job that was due at noon."""
    note = {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-02-01T12:00:00Z"}
    identity = {"namespace": namespace, "name": "a", "uid": namespace, "resourceVersion": "1"}
    return {"metadata": identity | {"creationTimestamp": created, "annotations": note}}


def test_jobs_of_other_namespaces_say_nothing() -> None:
    store = Store()
    store.put("Job", job("elsewhere", "2026-02-01T12:09:00Z"))
    assert firing_lag(latest_jobs(store, "team")) == timedelta()

    store.put("Job", job("team", "2026-02-01T12:03:00Z"))
    assert firing_lag(latest_jobs(store, "team")) == 3 * MINUTE
