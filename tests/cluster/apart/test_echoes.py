"""Our own writes, as a real API server's watch tells of them."""

import json
from datetime import timedelta
from typing import Any, cast

import pytest
from tests.support.manifests import foreign_cronjob
from tests.support.syncs import Tenant

from sync_operator.cluster.echoes import Seen
from sync_operator.cluster.kube import CRONJOBS, SYNCS, Kube, Resource
from sync_operator.cluster.login import ClusterSession
from sync_operator.decide.picture import Deployment
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.queue import DONE, Key, Outcome, WorkQueue
from sync_operator.handlers.wiring import utc_now
from sync_operator.model.names import RUN_REQUESTED_AT, SYNC_KIND


async def watch(session: ClusterSession, resource: Resource, namespace: str, since: str) -> list[tuple[str, str]]:
    """Type of event and resource version of what is told in a second."""
    query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "1"}
    url = f"{session.server}{resource.path(namespace)}"
    async with session.kopf.get(url, params=query) as response:
        content = b"".join([data async for data in response.content.iter_chunked(1 << 20)])
    events = [json.loads(line) for line in content.splitlines()]
    return [(event["type"], event["object"]["metadata"]["resourceVersion"]) for event in events]


@pytest.mark.parametrize("resource", [SYNCS, CRONJOBS])
async def test_a_known_state_is_not_told_and_a_later_one_and_the_end_are(
    session: ClusterSession, team: Tenant, resource: Resource
) -> None:
    kube, known = Kube(session), dict[str, set[Seen]]()
    session.watches.leave_out(lambda plural, state: state in known.get(plural, ()))
    start = await kube.version(resource, team.namespace)
    first = team.sync("echo") if resource is SYNCS else team.kube.create(foreign_cronjob("echo"), team.namespace)
    states = [first]
    for value in ("a", "b"):
        changed = await kube.merge(resource, team.namespace, "echo", {"metadata": {"labels": {"x": value}}})
        assert changed is not None
        states.append(changed)
    versions = [state["metadata"]["resourceVersion"] for state in states]

    assert [version for _, version in await watch(session, resource, team.namespace, start)] == versions

    known[resource.plural] = set(map(Seen.of, states[:2]))
    assert await watch(session, resource, team.namespace, start) == [("MODIFIED", versions[2])]

    await kube.delete(resource, team.namespace, "echo")
    known[resource.plural] |= {Seen.of(states[2])}
    assert [kind for kind, _ in await watch(session, resource, team.namespace, start)] == ["DELETED"]


async def done(_: Key) -> Outcome:
    return DONE


@pytest.mark.parametrize(
    ("change", "looked_at"),
    [
        ({}, 0),
        ({"spec": {"suspend": True}}, 1),
        ({"metadata": {"annotations": {RUN_REQUESTED_AT: "now"}}}, 1),
    ],
)
async def test_what_changes_while_a_status_is_written_is_looked_at(
    session: ClusterSession, team: Tenant, change: dict[str, Any], looked_at: int
) -> None:
    """The watch may tell of the change after the answer, which is then known."""
    operator = Operator(Kube(session), cast("Any", None), Deployment(""), "uid", utc_now, timedelta(seconds=300))
    operator.queue = WorkQueue(done, workers=1)
    seen = team.sync()
    operator.cache.put(SYNC_KIND, dict(seen))
    team.kube.resource(SYNC_KIND).patch(
        name="orders", namespace=team.namespace, body=change, content_type="application/merge-patch+json"
    )

    await operator.write_status(SYNCS, SYNC_KIND, seen, {"observedGeneration": 1})

    assert operator.queue.depth == looked_at
