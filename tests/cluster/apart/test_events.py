"""Events are written beside the work: in order, also those that wait when the controller is told to stop."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.running import eventually
from tests.support.syncs import Tenant

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.status.event_specs import EventSpec
from sync_operator.kubernetes.auth.cluster_auth import ClusterSession
from sync_operator.kubernetes.event_recorder import EventRecorder
from sync_operator.kubernetes.kube_client import KubeClient

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def busy() -> dict[str, bool]:
    """Whether there is work that goes before."""
    return {"now": False}


@pytest.fixture
def recorder(session: ClusterSession, busy: dict[str, bool]) -> EventRecorder:
    return EventRecorder(KubeClient(session), busy=lambda: busy["now"])


@pytest.fixture
def sync(team: Tenant) -> dict[str, Any]:
    """A Sync that no controller looks after."""
    return team.sync("told")


async def test_what_waits_at_the_end_is_still_written_in_order(
    recorder: EventRecorder, team: Tenant, sync: dict[str, Any]
) -> None:
    telling = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    reasons = list(Reason)[:20]
    for reason in reasons:
        recorder.record(sync, EventSpec(reason, "x"), now=NOW)
    telling.cancel()
    await asyncio.wait([telling])

    assert team.events("told") == [reason.value for reason in reasons]


async def test_events_give_way_to_work_but_not_at_the_end(
    recorder: EventRecorder, team: Tenant, sync: dict[str, Any], busy: dict[str, bool]
) -> None:
    busy["now"] = True
    recorder.record(sync, EventSpec(Reason.REGISTERED, "x"), now=NOW)
    telling = asyncio.create_task(recorder.run())
    await asyncio.sleep(0.5)
    assert team.events("told") == []

    busy["now"] = False
    await asyncio.to_thread(eventually, lambda: team.events("told"), "the first event")
    busy["now"] = True
    recorder.record(sync, EventSpec(Reason.SCHEDULED, "x"), now=NOW)
    telling.cancel()
    await asyncio.wait([telling])
    assert team.events("told") == ["Registered", "Scheduled"]


async def test_an_event_that_is_refused_keeps_no_other_from_being_written(
    recorder: EventRecorder, team: Tenant, sync: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = {**sync, "metadata": {**sync["metadata"], "namespace": "there-is-none"}}
    recorder.record(nowhere, EventSpec(Reason.REGISTERED, "lost"), now=NOW)
    recorder.record(sync, EventSpec(Reason.SCHEDULED, "told"), now=NOW)
    telling = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    telling.cancel()
    await asyncio.wait([telling])

    assert team.events("told") == ["Scheduled"]
    assert "event Registered about told lost" in caplog.text


async def test_too_many_are_dropped_and_said_so(
    recorder: EventRecorder, sync: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """One namespace may have three quarters of the 20,000 places."""
    for _ in range(15_001):
        recorder.record(sync, EventSpec(Reason.REGISTERED, "x"), now=NOW)

    about = f"{sync['metadata']['namespace']}/told"
    assert caplog.messages == [f"event Registered about {about} dropped: too many wait"]
