"""A session with the cluster that has no controller."""

from collections.abc import AsyncIterator

import pytest
from tests.support.plane import Plane

from sync_operator.cluster.login import ClusterSession, open_session


@pytest.fixture
async def session(quiet: Plane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClusterSession]:
    monkeypatch.setenv("KUBECONFIG", str(quiet.kubeconfig))
    opened = open_session()
    yield opened
    await opened.kopf.close()
    await opened.http.close()
