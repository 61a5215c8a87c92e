"""What a controller can be in the midst of when it dies: each with two pairs of Syncs that are alike in every field."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.support.invariants import spec_of
from tests.support.world import World

__all__ = ["OPERATIONS", "Operation", "names_of"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that the controller does.

    Attributes:
        prepare: brings a stage to where the operation can begin; the controller is left alone until that is so.
        begin: gives the reason for the operation; the controller is killed while it is at it.
        least: how often it is killed at least: a suite that has lost its points must not pass. A few more are common,
            but what one run asks for another may find done, by the garbage collector or a list of a moment before.
        every: of so many kills one is carried out, and others with another seed: what waits for two lists, a period
            apart, takes half a minute for each.
    """

    name: str
    prepare: Callable[[World, str], None]
    begin: Callable[[World, str], None]
    least: int
    every: int = 1


def names_of(stage: str) -> list[str]:
    """The Syncs of a stage: ``a1`` and ``a2`` are alike, and ``b1`` and ``b2``."""
    return [f"{stage}-{pair}{number}" for pair in "ab" for number in (1, 2)]


def _create(world: World, stage: str) -> None:
    for name in names_of(stage):
        world.create(name)


def _created(world: World, stage: str) -> None:
    _create(world, stage)
    world.settle()


def _nothing(_: World, __: str) -> None:
    pass


def _update(world: World, stage: str) -> None:
    """Schedules too: a CronJob is guarded against looking back before it changes."""
    for name in names_of(stage):
        if "cronExpression" in world.wanted[name].changes:
            world.update(name, syncMode="incremental", cronExpression="9 3 29 2 *")
        else:
            world.update(name, syncMode="incremental")


def _adopt(world: World, stage: str) -> None:
    """The first of each pair is as the spec asks; the second has another mode, and is updated."""
    for name in names_of(stage):
        mode = "full_refresh" if name.endswith("1") else "incremental"
        world.create(name, externalId=world.make_on_server(spec_of(name), sync_mode=mode))


def _take_over(world: World, stage: str) -> None:
    """The server runs them all by schedules of its own."""
    schedule = {"schedule_type": "interval", "sync_interval": 30, "sync_interval_unit": "minutes"}
    for name in names_of(stage):
        world.create(name, externalId=world.make_on_server(spec_of(name), **schedule))


def _with_jobs(world: World, stage: str) -> None:
    """One pair created, one adopted; each Sync has a Job that has not begun."""
    for name in names_of(stage):
        adopted = {} if "-a" in name else {"externalId": world.make_on_server(spec_of(name))}
        world.create(name, **adopted)
    world.settle()
    for name in names_of(stage):
        world.make_job(name)


def _delete(world: World, stage: str) -> None:
    for name in names_of(stage):
        world.delete(name)


def _recreate(world: World, stage: str) -> None:
    """Somebody deletes them on the server; the edit makes the controller look at once."""
    for name in names_of(stage):
        world.delete_on_server(name)
        world.update(name, syncMode="incremental")


def _left_behind(world: World, stage: str) -> None:
    """A controller dies with all creates under way: of the first pair one got through, of the second both."""
    world.controller.kill()
    world.controller.await_end()
    for name in names_of(stage):
        world.announce(name)
    for name in names_of(stage)[1:]:
        world.survivors.discard(world.make_on_server(spec_of(name)))


def _recover(world: World, _: str) -> None:
    world.controller.begin()


OPERATIONS: Final = (
    Operation("create", _nothing, _create, 12),
    Operation("update", _created, _update, 7),
    Operation("adopt", _nothing, _adopt, 10),
    Operation("takeover", _nothing, _take_over, 14),
    Operation("delete", _with_jobs, _delete, 9),
    Operation("recreate", _created, _recreate, 5, every=4),
    Operation("recover", _left_behind, _recover, 13),
)
