"""Our own writes, as a real API server's watch tells of them."""

import json
from datetime import timedelta
from typing import Any, cast

import pytest
from tests.support.manifests import foreign_cronjob
from tests.support.syncs import Tenant

from sync_operator.api.constants import RUN_REQUESTED_AT_ANNOTATION, SYNC_KIND
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.workqueue.workqueue import WorkQueue
from sync_operator.domain.snapshot import RunnerConfig
from sync_operator.kubernetes.auth.cluster_auth import ClusterSession
from sync_operator.kubernetes.event_recorder import EventRecorder
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import CRONJOBS, SYNCS, Resource
from sync_operator.kubernetes.watch.own_write_filter import ObjectVersion


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
    kube, known = KubeClient(session), dict[str, set[ObjectVersion]]()
    session.watches.set_filter(lambda plural, state: state in known.get(plural, ()))
    start = await kube.version(resource, team.namespace)
    first = team.sync("echo") if resource is SYNCS else team.kube.create(foreign_cronjob("echo"), team.namespace)
    states = [first]
    for value in ("a", "b"):
        changed = await kube.merge_patch(resource, team.namespace, "echo", {"metadata": {"labels": {"x": value}}})
        assert changed is not None
        states.append(changed)
    versions = [state["metadata"]["resourceVersion"] for state in states]

    assert [version for _, version in await watch(session, resource, team.namespace, start)] == versions

    known[resource.plural] = set(map(ObjectVersion.of, states[:2]))
    assert await watch(session, resource, team.namespace, start) == [("MODIFIED", versions[2])]

    await kube.delete(resource, team.namespace, "echo")
    known[resource.plural] |= {ObjectVersion.of(states[2])}
    assert [kind for kind, _ in await watch(session, resource, team.namespace, start)] == ["DELETED"]


@pytest.mark.parametrize(
    ("change", "looked_at"),
    [
        ({}, 0),
        ({"spec": {"suspend": True}}, 1),
        ({"metadata": {"annotations": {RUN_REQUESTED_AT_ANNOTATION: "now"}}}, 1),
    ],
)
async def test_what_changes_while_a_status_is_written_is_looked_at(
    session: ClusterSession, team: Tenant, change: dict[str, Any], looked_at: int
) -> None:
    """The watch may tell of the change after the answer, which is then known."""
    kube, queue = KubeClient(session), WorkQueue(workers=1)
    events = EventRecorder(kube, busy=lambda: False)
    context = ControllerContext(
        kube, cast("Any", None), queue, events, RunnerConfig(""), "uid", session.clock, timedelta(seconds=300)
    )
    seen = team.sync()
    context.store.put(SYNC_KIND, dict(seen))
    team.kube.resource(SYNC_KIND).patch(
        name="orders", namespace=team.namespace, body=change, content_type="application/merge-patch+json"
    )

    await context.write_status(SYNCS, SYNC_KIND, seen, {"observedGeneration": 1})

    assert context.queue.depth == looked_at
