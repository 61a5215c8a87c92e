"""Where the watches begin, and their signs of life: which are to be there, and when each was last let begin.

A watch that nothing is said on looks the same whether nothing happens or nobody is there any more, and the API
server's bookmarks come once a minute only. So no watch is left open for long: the API server ends each one after
`LIFE`, which costs one cheap request, and one that was not begun again for `LIMIT` is dead, for whatever reason.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, cast

import aiohttp

from sync_operator.cluster.echoes import Ends, Seen, Unknown, Writes

__all__ = ["LIFE", "LIMIT", "METADATA_LIST", "PATIENCE", "Watches"]

LIFE: Final = 30
"""Seconds after which the API server is asked to end a watch."""
PATIENCE: Final = LIFE + 5
"""Seconds after which we end it ourselves, where nobody is there to do it."""
LIMIT: Final = 50.0
"""Seconds without a new beginning after which a watch is dead."""

_REFUSED: Final = frozenset({403, 404})
"""The cluster is well, and says that a kind, or a namespace with its Role, is gone: no new start would help."""

_METADATA_ONLY: Final = frozenset({"secrets"})
"""Plurals of the kinds of which nothing but metadata is asked for: what is in a Secret never gets here by a watch."""
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_NOTHING: Final = "metadata.name=no-object-has-this-name"
"""A field selector for an empty list."""


class _Listed:
    """The body of a list of metadata: of an empty one the API server says `null`, which kopf cannot read.

    Args:
        content: the body.
    """

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        """All but what kopf reads by is the body's own."""
        return getattr(self._content, name)

    async def read(self) -> bytes:
        """All of it. In JSON no text can look so: its quotes would have backslashes before them."""
        return (await self._content.read()).replace(b'"items":null', b'"items":[]', 1)


class Watches:
    """A middleware of the session that kopf has; it notes the beginnings of watches, and leaves out what is known.

    It is written by the event loop and may be read from any thread.

    Args:
        clock: seconds that only grow.

    Attributes:
        writes: our own, by which it is told what will be known in a moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.writes = Writes()
        self._clock = clock
        self._begun_at: dict[str, float] = {}
        self._begun: frozenset[str] = frozenset()
        self._listed: dict[str, str] = {}
        self._knows: Callable[[str, Seen], bool] = lambda _plural, _seen: False
        self._ends: dict[str, Ends] = {}

    def leave_out(
        self, knows: Callable[[str, Seen], bool], forgotten: Mapping[str, Callable[[Seen], bool]] | None = None
    ) -> None:
        """Have kopf not be told of states of objects that ``knows``, given the plural of their kind, is true for.

        Nor of the ends of those that it has never heard of, and ``forgotten``, by the plural of the kind, is true for.
        """
        self._knows = knows
        self._ends = {plural: Ends(over) for plural, over in (forgotten or {}).items()}

    def listed(self, versions: Mapping[str, str]) -> None:
        """Name collections that we have listed ourselves, by path, each with the resource version of its list.

        Kopf begins with a list of everything, too, and works through it object by object. Its first list of such a
        collection is turned into an empty one as of that version: nothing is read twice, and its watch begins where
        our list ends. Where the API server no longer knows that version, kopf lists for itself.
        """
        self._listed = dict(versions)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Pass a request on; of one that asks for a watch, note when it was answered."""
        path = request.url.path
        watches = "watch" in request.url.query
        light = path.rpartition("/")[2] in _METADATA_ONLY
        if light:
            request.headers["Accept"] = METADATA if watches else METADATA_LIST
        if not watches:
            version = self._listed.pop(path, None)
            if version is not None:
                exact = {"resourceVersion": version, "resourceVersionMatch": "Exact", "fieldSelector": _NOTHING}
                request.url = request.url.update_query(exact)
            else:
                self._ends.pop(path.rpartition("/")[2], None)  # now it hears of all that there is
            response = await handler(request)
            if light:
                response.content = cast("aiohttp.StreamReader", _Listed(response.content))
            return response
        self._begun_at.setdefault(path, self._clock())
        response = await handler(request)
        if response.status == 200:  # noqa: PLR2004 (HTTP: success)
            self._begun_at[path] = self._clock()
            self._begun |= {path}
            plural = path.rpartition("/")[2]
            known, answer = partial(self._knows, plural), partial(self.writes.end, plural)
            quiet = Unknown(response.content, known, answer, self._ends.get(plural))
            response.content = cast("aiohttp.StreamReader", quiet)
        elif response.status in _REFUSED:
            self._begun_at.pop(path, None)
            self._begun -= {path}
        return response

    def cover(self, plurals: frozenset[str]) -> bool:
        """True when each of these kinds is watched somewhere."""
        return plurals <= {path.rpartition("/")[2] for path in self._begun}

    def dead(self) -> str:
        """Says which watch is dead; empty when none is."""
        now = self._clock()
        ages = {path: now - at for path, at in list(self._begun_at.items())}
        path = max(ages, key=ages.__getitem__, default="")
        if not path or ages[path] <= LIMIT:
            return ""
        return f"the watch of {path} was last begun {ages[path]:.0f} s ago, and is to be begun every {LIFE} s"
