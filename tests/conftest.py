"""Fixtures for tests without a control plane."""

from collections.abc import AsyncIterator

import pytest
from tests.support.served import Served, served

from sync_operator.remote.types import Dialect


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    """A sandbox of the Multiwoven dialect."""
    async with served() as running:
        yield running


@pytest.fixture(params=list(Dialect))
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """A sandbox of each dialect in turn."""
    async with served(request.param) as running:
        yield running


@pytest.fixture
async def documented_api() -> AsyncIterator[Served]:
    """A sandbox of the documented dialect."""
    async with served(Dialect.DOCUMENTED) as running:
        yield running
