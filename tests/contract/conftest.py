"""Fixtures for tests of the sandbox against the contract."""

from collections.abc import AsyncIterator

import pytest
from tests.support.caller import Caller
from tests.support.served import Served


@pytest.fixture
async def call(api: Served) -> AsyncIterator[Caller]:
    """Calls to a sandbox of the Multiwoven dialect."""
    caller = Caller(api)
    yield caller
    await caller.close()


@pytest.fixture
async def doc(documented_api: Served) -> AsyncIterator[Caller]:
    """Calls to a sandbox of the documented dialect."""
    caller = Caller(documented_api)
    yield caller
    await caller.close()


@pytest.fixture
async def caller(either: Served) -> AsyncIterator[Caller]:
    """Calls a server of either dialect that has neither connectors nor models."""
    either.store.any_ids = False
    either.store.connectors.clear()
    either.store.models.clear()
    calling = Caller(either)
    yield calling
    await calling.close()
