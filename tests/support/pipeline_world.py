"""A world of whole pipelines: Secrets, a Workspace, two Connectors, a Model and a Sync of each stage."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final

import pytest
from tests.support import planted
from tests.support.kills import Point
from tests.support.nursery import Nursery
from tests.support.plane import Kube, Plane
from tests.support.running import eventually
from tests.support.wanted_pipelines import (
    COLLECTIONS,
    HeldPipelines,
    WantedPipeline,
    deletions_out_of_order,
    pipeline_wrongs,
    resources_of,
    specs_of,
)
from tests.support.world import World, running_world

from sync_operator.api.constants import API_VERSION, WORKSPACE_KIND

__all__ = ["LIFE", "PipelineWorld", "in_turns", "names_in", "points_of_life", "running_pipeline_worlds"]

_TIMEOUT: Final = 2
"""Seconds for one request to the server."""


@dataclass
class PipelineWorld(World):
    """Like any world, but what is wanted are whole pipelines.

    Attributes:
        pipelines: those that are to be there, by stage.
    """

    pipelines: dict[str, WantedPipeline] = field(default_factory=dict)

    def empty_server(self) -> None:
        """Nothing is left on the server."""
        self.sandbox.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})

    def apply(self, stage: str) -> None:
        """Create everything at once, in an order that the stage's name chooses."""
        wanted = self.pipelines[stage] = WantedPipeline(stage)
        doing: list[Callable[[], object]] = [
            lambda: self.tenant.secret(planted.TOKEN, f"{stage}-token"),
            lambda: self.tenant.secret(wanted.password, stage, "password"),
            lambda: self.kube.create(self._workspace(stage), self.tenant.namespace),
            *self._creates(wanted),
        ]
        random.Random(stage).shuffle(doing)  # noqa: S311 - a choice, no secret
        for do in doing:
            do()

    def rotate(self, stage: str) -> None:
        """The Secret of both Connectors gets another value."""
        self.pipelines[stage].password = planted.ROTATED
        self.tenant.secret(planted.ROTATED, stage, "password")

    def edit(self, stage: str) -> None:
        """A field of each resource changes."""
        wanted = self.pipelines[stage]
        wanted.edited = True
        for kind, name in resources_of(stage):
            self.kube.patch(kind, name, self.tenant.namespace, {"spec": specs_of(wanted)[name]})

    def remove(self, stage: str) -> None:
        """Delete the four resources at once."""
        del self.pipelines[stage]
        for kind, name in resources_of(stage):
            self.kube.resource(kind).delete(name=name, namespace=self.tenant.namespace)

    def disconnect(self, stage: str) -> None:
        """Delete the Workspace and the Secrets."""
        self.kube.resource(WORKSPACE_KIND).delete(name=stage, namespace=self.tenant.namespace)
        for name in (stage, f"{stage}-token"):
            self.kube.resource("Secret", "v1").delete(name=name, namespace=self.tenant.namespace)

    def depart(self, wanted: WantedPipeline | None) -> None:
        """See in the server's log that a pipeline that is gone was deleted in order; forget the log, and disconnect."""
        assert wanted is not None
        wrong = deletions_out_of_order(self.sandbox.requests(), wanted)
        assert not wrong, "\n".join(wrong)
        self.sandbox.forget_requests()
        self.disconnect(wanted.stage)

    def release(self, stage: str) -> None:
        """The four resources go without the controller, as with a cluster that is lost; nothing else does."""
        for kind, name in resources_of(stage):
            self.kube.patch(kind, name, self.tenant.namespace, {"metadata": {"finalizers": []}})
            self.kube.resource(kind).delete(name=name, namespace=self.tenant.namespace)
        gone = {name for _, name in resources_of(stage)}
        eventually(lambda: not gone & {name for kind in COLLECTIONS for name in self.listed(kind, API_VERSION)}, "gone")
        del self.pipelines[stage]

    def reapply(self, stage: str) -> None:
        """Create the four resources by the same manifests; what is on the server is to be taken."""
        wanted = self.pipelines[stage] = WantedPipeline(stage, origin="Adopted")
        for create in self._creates(wanted):
            create()

    def wrongs(self) -> list[str]:
        """As of any world, of its pipelines."""
        objects = {kind: self.listed(kind, API_VERSION) for kind in COLLECTIONS}
        held = HeldPipelines(objects, self.sandbox.state())
        found = pipeline_wrongs(self.pipelines, held, self.survivors)
        if not found:
            for stage, wanted in self.pipelines.items():
                wanted.ids = {name: objects[kind][name]["status"]["id"] for kind, name in resources_of(stage)}
        return found

    def _creates(self, wanted: WantedPipeline) -> Iterator[Callable[[], object]]:
        specs = specs_of(wanted)
        for kind, name in resources_of(wanted.stage):
            manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": specs[name]}
            yield partial(self.kube.create, manifest, self.tenant.namespace)

    def _workspace(self, stage: str) -> dict[str, Any]:
        spec = {
            "url": self.to_server.url,
            "workspaceId": "1",
            "auth": {"tokenSecretRef": {"name": f"{stage}-token"}},
            "requestsPerMinute": 100_000,
            "timeoutSeconds": _TIMEOUT,
        }
        return {"apiVersion": API_VERSION, "kind": WORKSPACE_KIND, "metadata": {"name": stage}, "spec": spec}


LIFE: Final[tuple[tuple[str, Callable[[PipelineWorld, str], None]], ...]] = (
    ("apply", PipelineWorld.apply),
    ("rotate", PipelineWorld.rotate),
    ("edit", PipelineWorld.edit),
    ("remove", PipelineWorld.remove),
)
"""What happens to a pipeline, one after the other: each begins once the one before is done."""


def names_in(stage: str) -> list[str]:
    """All names of a stage, in whose requests the controller can be disturbed."""
    return [stage, f"{stage}-token", *(name for _, name in resources_of(stage))]


def points_of_life(world: PipelineWorld, stage: str) -> dict[str, list[Point]]:
    """What the controller asks for in each part of a life when nothing happens to it."""
    points = {}
    for name, begin in LIFE:
        wanted = world.pipelines.get(stage)
        points[name] = world.points(names_in(stage), partial(begin, world, stage))
    world.depart(wanted)
    return points


@contextmanager
def running_pipeline_worlds(
    plane: Plane, kube: Kube, nursery: Nursery, folders: pytest.TempPathFactory, count: int
) -> Iterator[list[PipelineWorld]]:
    """So many worlds side by side, whose servers hold nothing: one tests while others wait."""

    def opened(stack: ExitStack) -> PipelineWorld:
        folder = folders.mktemp("pipelines")
        world = stack.enter_context(running_world(plane, kube, nursery, folder, of=PipelineWorld, beside=True))
        assert isinstance(world, PipelineWorld)
        world.empty_server()
        return world

    stacks = [ExitStack() for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        try:
            yield list(pool.map(opened, stacks))
        finally:
            list(pool.map(ExitStack.close, stacks))


def in_turns[T, R](worlds: Sequence[PipelineWorld], work: Iterable[T], do: Callable[[PipelineWorld, T], R]) -> list[R]:
    """Do all the work, each piece in the world that is free next."""
    queue: SimpleQueue[T] = SimpleQueue()
    for piece in work:
        queue.put(piece)

    def loop(world: PipelineWorld) -> list[R]:
        done: list[R] = []
        while True:
            try:
                piece = queue.get_nowait()
            except Empty:
                return done
            done.append(do(world, piece))

    with ThreadPoolExecutor(len(worlds)) as pool:
        return [result for results in pool.map(loop, worlds) for result in results]
