"""What samples of a stack are counted as."""

from benchmarks.profile import areas, collapsed

WORKER = "run (queue.py:3);reconcile (sync_operator/handlers/sync.py:70)"
SAMPLES = f"""\
{WORKER};act (sync_operator/handlers/act.py:9);_once (sync_operator/cluster/kube.py:190) 3
{WORKER};act (sync_operator/handlers/act.py:9);_once (sync_operator/cluster/kube.py:191) 2
{WORKER};next_action (sync_operator/decide/steps.py:4) 3
{WORKER} 1
_write (sync_operator/cluster/events.py:90);_once (sync_operator/cluster/kube.py:190) 1
run (loop.py:1);select (selectors.py:2) 90
"""


def test_a_sample_counts_where_its_work_belongs_and_waiting_is_no_work() -> None:
    stacks = collapsed(SAMPLES)

    assert stacks.total() == 10
    assert len(stacks) == 4, "two lines of one function are one stack"
    assert dict(areas(stacks)) == {
        "requests to the API server": 50.0,
        "decide": 30.0,
        "act, report, queue": 10.0,
        "events": 10.0,
    }
