"""What is left out of a watch: states that are known, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from sync_operator.kubernetes.watch.own_write_filter import (
    DeleteFilter,
    FilteredWatchStream,
    InFlightWrites,
    ObjectVersion,
)

if TYPE_CHECKING:
    import aiohttp

KNOWN = ObjectVersion("team", "orders", "1c66f5b0-0000-4000-8000-000000000001", 41)
OWN_KIND = {"name": KNOWN.name, "namespace": KNOWN.namespace, "uid": KNOWN.uid, "resourceVersion": "41"}
CUSTOM = {"name": KNOWN.name, "namespace": KNOWN.namespace, "resourceVersion": "41", "uid": KNOWN.uid}


class Body:
    """The body of an answer, in pieces of a size."""

    def __init__(self, content: bytes, piece: int) -> None:
        self._content = content
        self._piece = piece

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), self._piece):
            yield self._content[start : start + self._piece]


def event(metadata: dict[str, Any], kind: str = "MODIFIED", **more: Any) -> bytes:
    """A line as the API server writes it."""
    return json.dumps({"type": kind, "object": {"metadata": metadata, **more}}, separators=(",", ":")).encode() + b"\n"


async def pieces(content: bytes, *rules: Any, piece: int = 1 << 20, **more: Any) -> list[bytes]:
    """What is left of a body by the rules that `Unknown` takes, as it comes."""
    body = cast("aiohttp.StreamReader", Body(content, piece))
    return [data async for data in FilteredWatchStream(body, *rules, **more).iter_chunked(1 << 20)]


async def told(content: bytes, piece: int = 1 << 20) -> bytes:
    """What is left of a body when all states up to `KNOWN` are known."""
    return b"".join(
        await pieces(content, lambda seen: seen[:3] == KNOWN[:3] and seen.version <= KNOWN.version, piece=piece)
    )


@pytest.mark.parametrize("metadata", [OWN_KIND, CUSTOM, CUSTOM | {"resourceVersion": "7"}])
async def test_a_known_state_and_those_before_it_are_left_out(metadata: dict[str, Any]) -> None:
    assert await told(event(metadata) + event(metadata, "ADDED")) == b""


@pytest.mark.parametrize(
    "line",
    [
        event(CUSTOM | {"resourceVersion": "42"}),
        event(OWN_KIND | {"resourceVersion": "42"}),
        event(OWN_KIND | {"uid": "another life"}),
        event(CUSTOM | {"name": "others"}),
        event(CUSTOM | {"namespace": "others"}),
        event(CUSTOM, "DELETED"),
        event({"resourceVersion": "41"}, "BOOKMARK"),
        event({}, "ERROR", code=410),
        b"no JSON\n",
    ],
)
async def test_everything_else_is_told(line: bytes) -> None:
    assert await told(event(CUSTOM) + line + event(OWN_KIND)) == line


@pytest.mark.parametrize("place", ["labels", "annotations"])
async def test_what_imitates_a_known_state_hides_nothing(place: str) -> None:
    metadata = {place: OWN_KIND} | CUSTOM | {"resourceVersion": "42"}
    text = event(CUSTOM | {"resourceVersion": "42"}, spec={"text": json.dumps(OWN_KIND, separators=(",", ":"))})

    assert await told(event(metadata) + text) == event(metadata) + text


@pytest.mark.parametrize("piece", [1, 7, 100, 1000])
async def test_lines_may_come_in_pieces(piece: int) -> None:
    news = event(CUSTOM | {"resourceVersion": "43"})

    assert await told(event(CUSTOM) + news + event(OWN_KIND) + news + b"cut", piece) == news + news + b"cut"


class Story:
    """A watch that tells of an object while we are writing to it."""

    def __init__(self, write: tuple[str, str, str] = ("syncs", KNOWN.namespace, KNOWN.name)) -> None:
        self.known: set[ObjectVersion] = set()
        self.answered = asyncio.Event()
        self._writes = InFlightWrites()
        self._write = write

    async def writing(self, answer: ObjectVersion | None = None) -> None:
        with self._writes.track(*self._write):
            await self.answered.wait()
        self.known |= {answer} if answer is not None else set()

    async def watching(self) -> bytes:
        return b"".join(await pieces(event(CUSTOM), self.known.__contains__, partial(self._writes.done, "syncs")))


async def tell(story: Story, answer: ObjectVersion | None) -> bytes:
    """What the watch tells when the answer to the write comes after it."""
    async with asyncio.TaskGroup() as group:
        group.create_task(story.writing(answer))
        await asyncio.sleep(0)
        watching = group.create_task(story.watching())
        await asyncio.sleep(0)
        assert not watching.done()
        story.answered.set()
    return watching.result()


async def test_a_watch_that_is_quicker_than_the_answer_waits_for_it() -> None:
    assert await tell(Story(), KNOWN) == b""


async def test_what_the_answer_does_not_tell_is_told() -> None:
    assert await tell(Story(), KNOWN._replace(version=40)) == event(CUSTOM)
    assert await tell(Story(), None) == event(CUSTOM), "the write failed"


async def test_an_answer_that_does_not_come_is_waited_for_a_moment_only() -> None:
    story = Story()
    writing = asyncio.create_task(story.writing())
    await asyncio.sleep(0)

    assert await story.watching() == event(CUSTOM)

    story.answered.set()
    await writing


@pytest.mark.parametrize("write", [("syncs", KNOWN.namespace, "others"), ("jobs", KNOWN.namespace, KNOWN.name)])
async def test_a_write_to_something_else_holds_up_nothing(write: tuple[str, str, str]) -> None:
    story = Story(write)
    writing = asyncio.create_task(story.writing())
    await asyncio.sleep(0)
    watching = asyncio.create_task(story.watching())
    await asyncio.sleep(0)

    assert watching.done()

    story.answered.set()
    await writing


async def ended(*lines: bytes, forgotten: bool = True) -> bytes:
    """What is left of a body whose objects are known, or all forgotten when they have come to their ends."""
    ends = DeleteFilter(lambda _: forgotten)
    return b"".join(await pieces(b"".join(lines), lambda seen: seen.version <= KNOWN.version, delete_filter=ends))


async def test_the_end_of_what_we_have_forgotten_is_no_news() -> None:
    assert await ended(event(CUSTOM), event(CUSTOM, "DELETED")) == b""
    assert await ended(event(OWN_KIND), event(OWN_KIND, "DELETED")) == b""


async def test_the_end_of_what_is_known_is_told() -> None:
    assert await ended(event(CUSTOM, "DELETED"), forgotten=False) == event(CUSTOM, "DELETED")


async def test_whoever_has_heard_of_an_object_hears_of_its_end() -> None:
    news, end = event(CUSTOM | {"resourceVersion": "42"}), event(CUSTOM | {"resourceVersion": "43"}, "DELETED")

    heard = await pieces(news + end + end, lambda _: False, piece=len(news), delete_filter=DeleteFilter(lambda _: True))

    assert heard == [news, end], "and once"
