"""What samples of a stack are counted as."""

from benchmarks.profile import areas, collapsed

LOOP = "main (sync_operator/controller/main.py:70);run (uvloop/__init__.py:92);Runner.run (asyncio/runners.py:118)"
WORKER = f"{LOOP};reconcile (sync_operator/controller/sync/sync_reconciler.py:70)"
SAMPLES = f"""\
{WORKER};act (sync_operator/controller/sync/act.py:9);_once (sync_operator/kubernetes/kube_client.py:190) 3
{WORKER};act (sync_operator/controller/sync/act.py:9);_once (sync_operator/kubernetes/kube_client.py:191) 2
{WORKER};next_action (sync_operator/domain/next_action.py:4) 3
{WORKER} 1
{LOOP} 2
{LOOP};wrapper (uvloop/__init__.py:72) 3
_write (sync_operator/kubernetes/event_recorder.py:90);_once (sync_operator/kubernetes/kube_client.py:190) 5
run (loop.py:1);select (selectors.py:2) 90
"""


def test_a_sample_counts_where_its_work_belongs_and_waiting_is_no_work() -> None:
    stacks = collapsed(SAMPLES)

    assert stacks.total() == 19
    assert len(stacks) == 6, "two lines of one function are one stack"
    assert {name: round(share * 19 / 100) for name, share in areas(stacks)} == {
        "requests to the API server": 5,
        "events": 5,
        "event loop, and what it runs of others": 5,
        "decide": 3,
        "act, report, queue": 1,
    }
