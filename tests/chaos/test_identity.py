"""The server is rebuilt, replaced or restored under 100 Syncs, or their token becomes another account's."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import pytest
from kubernetes import client
from tests.support.ledger import Ledger
from tests.support.plane import Kube, Plane
from tests.support.running import Sandbox, eventually, running_controller, running_sandbox
from tests.support.syncs import MAPPING, Tenant, condition, is_ready

from sync_operator.api.constants import SYNC_KIND

pytestmark = pytest.mark.timeout(600)

_SYNCS: Final = 100
_RESTORED: Final = 60
"""What a backup held: later ids are given out anew, to others."""
_PATIENCE: Final = 120.0
_THEIRS: Final[dict[str, Any]] = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "stream_name": "invoices",
    "configuration": MAPPING,
    "schedule_type": "manual",
    "sync_mode": "incremental",
}

type Syncs = list[dict[str, Any]]
type Disaster = Callable[[Tenant, Syncs], None]


@pytest.fixture
def team(plane: Plane, kube: Kube, tmp_path: Path) -> Iterator[Tenant]:
    namespace = f"chaos-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    with (
        running_sandbox(tmp_path, "--run-seconds", "1") as sandbox,
        running_controller(plane, tmp_path, SYNC_OPERATOR_WATCH_NAMESPACES=namespace),
    ):
        yield Tenant(kube, namespace, sandbox)
    kube.core.delete_namespace(namespace)


def theirs(number: int, like: dict[str, Any] | None = None) -> dict[str, Any]:
    """Somebody else's sync at one of our ids; it may look like ours."""
    return {"id": number, "attributes": like["attributes"] if like else _THEIRS}


def rebuild(tenant: Tenant, syncs: Syncs) -> None:
    """Others were faster: they have all of our ids, some with syncs that look like ours."""
    tenant.sandbox.rebuilt(*(theirs(sync["id"], sync if sync["id"] % 2 else None) for sync in syncs))


def replace(tenant: Tenant, syncs: Syncs) -> None:
    """Staging at production's address: the same ids, made at other times."""
    tenant.sandbox.rebuilt(*({**theirs(sync["id"]), "created_at": "2025-01-01T00:00:00+00:00"} for sync in syncs))


def restore(tenant: Tenant, syncs: Syncs) -> None:
    """A backup is put back, and the ids that were given out since are given out anew."""
    kept, lost = syncs[:_RESTORED], syncs[_RESTORED:]
    tenant.sandbox.rebuilt(*kept, *(theirs(sync["id"], sync) for sync in lost))


def swap_account(tenant: Tenant, _: Syncs) -> None:
    """The token of a colleague who sees the same workspace."""
    tenant.sandbox.token("another", "another@example.com")
    tenant.secret("another")


DISASTERS: Final[dict[str, tuple[Disaster, dict[str, int]]]] = {
    "rebuilt": (rebuild, {"Conflict": _SYNCS}),
    "replaced": (replace, {"Conflict": _SYNCS}),
    "restored": (restore, {"Ready": _RESTORED, "Conflict": _SYNCS - _RESTORED}),
    "another account": (swap_account, {"WorkspaceChanged": _SYNCS}),
}


def told(tenant: Tenant) -> Counter[str]:
    """How many Syncs are Ready, or say which reason."""
    syncs = tenant.kube.resource(SYNC_KIND).get(namespace=tenant.namespace).to_dict()["items"]
    return Counter("Ready" if is_ready(sync) else condition(sync).get("reason", "") for sync in syncs)


def writes(sandbox: Sandbox) -> Counter[str]:
    """Requests that change something."""
    return Counter(entry["method"] for entry in sandbox.requests() if entry["method"] != "GET")


@pytest.mark.parametrize("kind", DISASTERS)
def test_nothing_of_anybody_elses_is_touched_and_each_sync_is_told(team: Tenant, ledger: Ledger, kind: str) -> None:
    disaster, expected = DISASTERS[kind]
    team.connect()
    names = [f"sync-{number}" for number in range(_SYNCS)]
    for name in names:
        team.sync(name, streamName=name)
    eventually(lambda: told(team) == {"Ready": _SYNCS}, "all Syncs to be ready", seconds=_PATIENCE)
    syncs = sorted(team.sandbox.syncs(), key=lambda sync: sync["id"])
    ours = {str(sync["id"]) for sync in syncs[:_RESTORED]} if kind == "restored" else set()

    # A sync is known by the second in which it was made: none of the others is to be made in that of ours.
    last = max(sync["created_at"] for sync in syncs)
    eventually(lambda: datetime.now(UTC) - datetime.fromisoformat(last) > timedelta(seconds=1), "a second to pass")
    disaster(team, syncs)
    before = {str(sync["id"]): sync for sync in team.sandbox.syncs()}
    team.sandbox.forget_requests()
    eventually(lambda: told(team) == expected, f"all Syncs to say {expected}", seconds=_PATIENCE)
    for sync in team.kube.resource(SYNC_KIND).get(namespace=team.namespace).to_dict()["items"]:
        assert is_ready(sync) or "spec.deletionPolicy to Retain" in condition(sync)["message"]
    everything = f"metadata.namespace={team.namespace}"
    for name in names[: _SYNCS // 2]:
        team.patch(name, syncMode="incremental")
    team.kube.resource(SYNC_KIND).delete(namespace=team.namespace, field_selector=everything)
    kept = _SYNCS - len(ours)
    eventually(lambda: told(team) == {"DeleteFailed": kept}, "the others to be held", seconds=_PATIENCE)

    after = {str(sync["id"]): sync for sync in team.sandbox.syncs()}
    assert after == {number: sync for number, sync in before.items() if number not in ours}
    assert writes(team.sandbox)["POST"] == 0
    if not ours:
        assert writes(team.sandbox) == {}
    ledger.identity.update({f"{kind}: {reason}": count for reason, count in expected.items()})
    ledger.identity.update({f"{kind}: others' syncs written or deleted": 0, f"{kind}: held deletions": kept})
    for name in sorted(team.names()):
        team.patch(name, deletionPolicy="Retain")
    eventually(lambda: team.names() == set(), "all Syncs to be let go", seconds=_PATIENCE)
