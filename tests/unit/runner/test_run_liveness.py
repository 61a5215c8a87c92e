from datetime import UTC, datetime, timedelta

import pytest

from sync_operator.runner.run_liveness import RunLiveness, assess_liveness
from sync_operator.syncapi.types import RemoteRun, RemoteSync, RunStatus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("silent", "status", "changed", "fate"),
    [
        pytest.param(0.1, "disabled", 0.1, RunLiveness.ALIVE, id="disabled a moment ago: the end may still be written"),
        pytest.param(0.2, "disabled", 0.2, RunLiveness.DISABLED, id="disabled"),
        pytest.param(47, "healthy", 1, RunLiveness.ALIVE, id="a long load of a sync that was changed"),
        pytest.param(143, "healthy", 1, RunLiveness.ALIVE, id="the third try of 48 hours"),
        pytest.param(151, "healthy", 200, RunLiveness.LEFT_BEHIND, id="longer than any run can take"),
        pytest.param(1.9, "pending", 1, RunLiveness.ALIVE, id="enabled again, or a new sync that was changed"),
        pytest.param(2.1, "pending", 1, RunLiveness.LEFT_BEHIND, id="enabled again, and silent since long before"),
        pytest.param(47, "pending", 48, RunLiveness.ALIVE, id="the first run of a new sync"),
        pytest.param(47, "failed", 1, RunLiveness.ALIVE, id="enabling would have ended `failed`"),
    ],
)
def test_what_has_become_of_a_silent_run(silent: float, status: str, changed: float, fate: RunLiveness) -> None:
    run = RemoteRun(1, RunStatus.IN_PROGRESS, updated_at=NOW - timedelta(hours=silent))
    sync = RemoteSync("1", {}, status, updated_at=NOW - timedelta(hours=changed))
    assert assess_liveness(run, sync, NOW) is fate


def test_a_server_that_shows_no_times_is_believed() -> None:
    assert assess_liveness(RemoteRun(1, RunStatus.QUERYING), RemoteSync("1", {}, "pending"), NOW) is RunLiveness.ALIVE
