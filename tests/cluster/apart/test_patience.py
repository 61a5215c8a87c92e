"""What an API server that has too much to do asks for is heeded, and no POST is sent twice on a guess."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.faults import Answer, Call, Fault
from tests.support.kubeproxy import TOO_MANY, running_kubeproxy
from tests.support.plane import Plane
from tests.support.proxy import Proxy
from tests.support.syncs import Tenant

from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.auth.cluster_auth import open_session
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import EVENTS, SYNCS

BROKEN: Final = {code: Answer(code, {"kind": "Status", "code": code}) for code in (500, 502, 503, 504)}
ASKED: Final = Answer(503, {"kind": "Status", "code": 503}, {"Retry-After": "1"})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, which is not waited for."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:  # the proxy in the same process sleeps for no time
            waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited


@pytest.fixture
async def way(quiet: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[KubeClient, Proxy]]:
    """Our client, and the proxy through which it sees the API server."""
    with running_kubeproxy(quiet, tmp_path) as (proxy, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        session = open_session()
        yield KubeClient(session), proxy
        await session.kopf.close()
        await session.http.close()


class Times:
    """Spoils so many calls of a method, and counts all of them."""

    def __init__(self, method: str, answer: Answer, times: int) -> None:
        self.method = method
        self.answer = answer
        self.times = times
        self.calls = 0

    def __call__(self, call: Call) -> Fault | None:
        if call.method != self.method:
            return None
        self.calls += 1
        return Fault("spoiled", answer=self.answer) if self.calls <= self.times else None


def event(namespace: str) -> dict[str, Any]:
    about = {"kind": "Sync", "namespace": namespace, "name": "orders"}
    return {"metadata": {"generateName": "orders."}, "involvedObject": about, "reason": "Registered", "message": "x"}


@pytest.mark.parametrize("answer", [TOO_MANY, ASKED], ids=["429", "503"])
async def test_a_write_is_repeated_as_often_and_as_late_as_it_asks(
    way: tuple[KubeClient, Proxy], team: Tenant, pauses: list[float], answer: Answer
) -> None:
    kube, proxy = way
    team.sync()
    proxy.judge(Times("PATCH", answer, 8))

    assert await kube.merge_patch(SYNCS, team.namespace, "orders", {"metadata": {"labels": {"a": "b"}}})

    assert len(pauses) == 8
    assert all(1.0 <= pause <= 1.1 for pause in pauses)


@pytest.mark.parametrize("answer", [TOO_MANY, ASKED], ids=["429", "503"])
async def test_a_post_that_did_nothing_is_sent_again(
    way: tuple[KubeClient, Proxy], team: Tenant, pauses: list[float], answer: Answer
) -> None:
    kube, proxy = way
    proxy.judge(Times("POST", answer, 2))

    assert await kube.create(EVENTS, team.namespace, event(team.namespace))
    assert len(pauses) == 2


@pytest.mark.parametrize("code", BROKEN)
async def test_a_post_that_may_have_been_done_is_not(
    way: tuple[KubeClient, Proxy], team: Tenant, pauses: list[float], code: int
) -> None:
    kube, proxy = way
    rule = Times("POST", BROKEN[code], 1)
    proxy.judge(rule)

    with pytest.raises(KubernetesError):
        await kube.create(EVENTS, team.namespace, event(team.namespace))
    assert rule.calls == 1
    assert pauses == []
