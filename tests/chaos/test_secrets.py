"""A server that tells everything it knows: in every answer, to controller and runner. None of it may be shown on."""

from typing import Any, Final

import pytest
from tests.support import planted
from tests.support.faults import Answer, Call, Fault
from tests.support.operations import names_of
from tests.support.running import eventually
from tests.support.syncs import condition
from tests.support.world import World

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

pytestmark = pytest.mark.timeout(600)

_WORDS: Final = (
    f"Authorization: Bearer {planted.TOKEN} for {planted.TOKEN}: "
    f'embedding_config: {{"api_key"=>"{planted.CONFIGURATION}"}}, api_key={planted.CONFIGURATION}'
)


def _error(status: int, **fields: Any) -> Answer:
    return Answer(status, {"errors": [{"status": status, "title": "Error", "detail": _WORDS, **fields}]})


_TELLING: Final = (
    _error(400),
    Answer(400, {"errors": {"sync": {"configuration": [_WORDS]}}}),
    _error(422, source={"configuration": _WORDS}),
    _error(424),
    Answer(429, {"error": _WORDS}, {"Retry-After": "1"}),
    Answer(500, {"status": 500, "error": _WORDS}),
    Answer(502, {"message": _WORDS}),
    Answer(200, {"data": {"id": _WORDS, "attributes": {"status": _WORDS}}}),
)
"""Every shape of a refusal (contract section 2), and one answer that is nothing."""


class Telling:
    """A rule that answers the first requests to the server in every shape there is, one after the other."""

    def __init__(self, *ends: str) -> None:
        self._ends = ends
        self.left = list(_TELLING)

    def __call__(self, call: Call) -> Fault | None:
        if not self.left or not call.path.endswith(self._ends):
            return None
        return Fault("telling", answer=self.left.pop(0))


def test_what_a_server_tells_of_secrets_goes_no_further(world: World) -> None:
    stages = ("telling-one", "telling-two")
    names = [name for stage in stages for name in names_of(stage) if "-a" in name]
    creates = Telling("/syncs")
    world.to_server.judge(creates)
    for name in names:
        world.create(name)
    eventually(lambda: all(condition(world.tenant.get(name)) for name in names), "every Sync to say something")

    refused = Fault("refused", answer=_error(401))
    world.to_server.judge(lambda _: refused)
    world.tenant.secret(f"{planted.TOKEN} ")
    world.tenant.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")

    world.to_server.judge(creates)
    world.tenant.secret(f"{planted.TOKEN}\n")
    for name in names:
        # A refusal stands until the spec changes.
        world.update(name, syncMode="incremental")
    eventually(lambda: not creates.left, "every answer to be given")
    for name in names:
        world.update(name, syncMode="full_refresh")
    world.settle()


def test_nor_what_it_tells_of_drift(world: World) -> None:
    world.create("drift-a1", driftPolicy="Report")
    world.settle()
    sync_id = str(world.registered("drift-a1"))
    [stored] = [sync for sync in world.sandbox.syncs() if str(sync["id"]) == sync_id]
    [item] = stored["attributes"]["configuration"]
    told = [{**item, "embedding_config": {"mode": planted.CONFIGURATION, "api_key": "another"}}]

    world.sandbox.edit(sync_id, configuration=told)
    world.tenant.when(SYNC_KIND, "drift-a1", "Ready", "False", "DriftFound")

    world.update("drift-a1", driftPolicy="Correct")
    world.settle()


def test_nor_what_it_tells_run_pods(world: World) -> None:
    world.create("runs-a1")
    world.settle()
    world.sandbox.outcome(rows=3, failed_rows=3, seconds=1, reason=_WORDS)
    telling = Telling("/sync_runs", "/sync_records")
    del telling.left[:5], telling.left[1]
    world.to_server.judge(telling)

    world.tenant.request_run("now", "runs-a1")
    sync = world.tenant.ran("Request", "runs-a1", seconds=90)

    assert sync["status"]["lastRun"]["rows"]["failed"] == 3
    assert not telling.left
    logs = [text for name, text in world.written() if name.startswith("log of")]
    assert any("rows" in text for text in logs), "the run pod's own words are among what is looked at"
    world.settle()
