"""What the cluster holds, as last seen: kept by watch events and by the answers to our own writes."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from sync_operator.cluster.echoes import Seen
from sync_operator.cluster.token_secret import token_secret_name
from sync_operator.cluster.views import owning_sync
from sync_operator.decide.match import Claim
from sync_operator.handlers.index import Index
from sync_operator.handlers.queue import Key
from sync_operator.handlers.slices import Slices
from sync_operator.handlers.slim import slim, whole
from sync_operator.model.base import one_spelling
from sync_operator.model.names import SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.workspace import Place, place_now, place_of

__all__ = ["Cache", "Ref", "wanted_id", "workspace_name"]

TOMBSTONE_SECONDS: Final = 90.0
"""For as long as an answer of the API server may come late; the client waits for a minute."""


class Ref(NamedTuple):
    """Namespace and name of an object."""

    namespace: str
    name: str


class Cache:
    """Objects by kind and name, with the few look-ups that a reconcile needs.

    The end of an object is remembered for a while: the answer to a write that was sent before it may come after it, and
    would bring the object back.

    Args:
        seconds: that only grow.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._objects: dict[str, dict[Ref, dict[str, Any]]] = {}
        self._tombstones: dict[str, float] = {}
        self._jobs: Index[Ref, Ref] = Index()
        self._claims: Index[str, Ref] = Index()
        self._members: Index[Ref, Ref] = Index()
        self._by_secret: dict[str, Index[Ref, Ref]] = {SYNC_KIND: Index(), WORKSPACE_KIND: Index()}

    def get(self, kind: str, ref: Ref) -> dict[str, Any] | None:
        """The object as last seen, or None."""
        held = self._held(kind, ref)
        return whole(held) if held is not None else None

    def has(self, kind: str, ref: Ref) -> bool:
        """True when there is an object of that name, as far as is known."""
        return ref in self._objects.get(kind, {})

    def knows(self, kind: str, seen: Seen) -> bool:
        """True when this state of an object, or a later one, is held."""
        held = self._alive(kind, seen)
        return held is not None and version_of(held) >= seen.version

    def holds(self, kind: str, seen: Seen) -> bool:
        """True when some state of this object is held."""
        return self._alive(kind, seen) is not None

    def _held(self, kind: str, ref: Ref) -> dict[str, Any] | None:
        """What is kept of an object, as it is kept."""
        return self._objects.get(kind, {}).get(ref)

    def _alive(self, kind: str, seen: Seen) -> dict[str, Any] | None:
        held = self._held(kind, Ref(seen.namespace, seen.name))
        return held if held is not None and held["metadata"]["uid"] == seen.uid else None

    def all(self, kind: str) -> Iterable[dict[str, Any]]:
        """All objects of a kind, as they are kept: see `slim`."""
        return self._objects.get(kind, {}).values()

    def put(self, kind: str, obj: dict[str, Any]) -> bool:
        """Keep an object unless a newer state of it, or its end, is known; True when it brought something new."""
        news = not self.knows(kind, Seen.of(obj)) and not self._is_buried(obj)
        if news:
            self._hold(kind, slim(kind, obj, self._held(kind, ref_of(obj))))
        return news

    def _hold(self, kind: str, obj: dict[str, Any]) -> None:
        """Put what is kept of an object in the place of what was held under its name."""
        ref = ref_of(obj)
        objects = self._objects.setdefault(kind, {})
        held = objects.get(ref)
        objects[ref] = obj
        entries = list(self._indexed(kind, ref, obj))
        for index, key in self._indexed(kind, ref, held) if held is not None else ():
            if (index, key) not in entries:
                index.discard(key, ref)
        for index, key in entries:
            index.add(key, ref)

    def _indexed(self, kind: str, ref: Ref, obj: Mapping[str, Any]) -> Iterator[tuple[Index[Any, Ref], Any]]:
        """The indexes that an object is in, each with the key by which it is found."""
        if kind == SYNC_KIND:
            yield self._members, Ref(ref.namespace, workspace_name(obj))
            if sync_id := wanted_id(obj):
                yield self._claims, sync_id
        if kind == "Job" and (owner := owning_sync(obj)):
            yield self._jobs, Ref(ref.namespace, owner)
        if kind in self._by_secret:
            for name in _secrets_of_workspace(obj) if kind == WORKSPACE_KIND else _secrets_of_sync(obj):
                yield self._by_secret[kind], Ref(ref.namespace, name)

    def kept(self, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
        """What is kept of an object: where it is known as it is, what is held already."""
        held = self._held(kind, ref_of(obj))
        known = held is not None and _same_life(held, obj) and version_of(held) == version_of(obj)
        return held if known and held is not None else slim(kind, obj, held)

    def drop(self, kind: str, obj: Mapping[str, Any]) -> None:
        """Forget an object, unless one of the same name took its place."""
        ref = ref_of(obj)
        held = self._held(kind, ref)
        if held is None or not _same_life(held, obj):
            return
        del self._objects[kind][ref]
        for index, key in self._indexed(kind, ref, held):
            index.discard(key, ref)

    def bury(self, kind: str, obj: Mapping[str, Any]) -> None:
        """The cluster says that an object is gone: forget it, and whatever an answer that comes late says of it."""
        now = self._seconds()
        self._tombstones.pop(obj["metadata"]["uid"], None)
        self._tombstones[obj["metadata"]["uid"]] = now + TOMBSTONE_SECONDS
        while (oldest := next(iter(self._tombstones))) and self._tombstones[oldest] < now:
            del self._tombstones[oldest]
        self.drop(kind, obj)

    def _is_buried(self, obj: Mapping[str, Any]) -> bool:
        return self._tombstones.get(obj["metadata"]["uid"], 0.0) > self._seconds()

    async def replace(
        self, kind: str, objects: Iterable[dict[str, Any]], *, known: Iterable[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """Take over a full list, in short steps: what is not in it is gone, also when no watch event said so.

        Args:
            kind: of the objects.
            objects: what was listed, of each what `kept` gives.
            known: what was held when the list was asked for; of what came or went since, the watch knows better.

        Returns:
            What was known and is gone.
        """
        slices = Slices()
        listed, before = {ref_of(obj): obj for obj in objects}, {ref_of(held): held for held in known}
        gone = []
        for ref, held in before.items():
            await slices.pause()
            obj = listed.get(ref)
            is_there = obj is not None and not self._is_buried(obj)
            if obj is None or not is_there or not _same_life(held, obj):
                gone.append(held)
            if not is_there:
                self.bury(kind, held)
        for ref, obj in listed.items():
            await slices.pause()
            if not self._has_ended(kind, obj, before.get(ref)) and not self.knows(kind, Seen.of(obj)):
                self._hold(kind, obj)
        return gone

    def _has_ended(self, kind: str, listed: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
        """True when the end of a listed object became known after it was listed."""
        now = self._held(kind, ref_of(listed))
        was_held = before is not None and _same_life(before, listed)
        return self._is_buried(listed) or (was_held and (now is None or not _same_life(listed, now)))

    def jobs_of(self, sync: Ref) -> list[dict[str, Any]]:
        """Jobs of a Sync, oldest first."""
        held = self._objects.get("Job", {})
        jobs = [held[ref] for ref in self._jobs.get(sync)]
        return sorted(jobs, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))

    def syncs_of(self, workspace: Ref) -> list[Key]:
        """Keys of the Syncs that refer to a Workspace."""
        return [Key(SYNC_KIND, *ref) for ref in self._members.get(workspace)]

    def registered_at(self, place: Place, homes: Iterable[Ref]) -> Iterator[str]:
        """The server's ids of these Workspaces' Syncs that live in a place, but for those under deletion.

        The cache may change between two of them.
        """
        for ref in chain.from_iterable(map(self._members.get, homes)):
            sync = self._held(SYNC_KIND, ref) or {}
            sync_id = sync.get("status", {}).get("id")
            if sync_id and "deletionTimestamp" not in sync["metadata"] and self._place(sync) == place:
                yield one_spelling(sync_id)

    def workspaces_using(self, secret: Ref) -> list[Key]:
        """Keys of the Workspaces that refer to a Secret."""
        return [Key(WORKSPACE_KIND, *ref) for ref in self._by_secret[WORKSPACE_KIND].get(secret)]

    def syncs_using(self, secret: Ref) -> list[Key]:
        """Keys of the Syncs whose configuration takes values from a Secret."""
        return [Key(SYNC_KIND, *ref) for ref in self._by_secret[SYNC_KIND].get(secret)]

    def claimants(self, sync_id: str) -> set[Ref]:
        """Syncs that hold, or ask for, a server sync of that id, wherever their servers are."""
        return set(self._claims.get(sync_id))

    def rivals(self, place: Place, sync_id: str, *, but: Ref, refused: Callable[[Ref], bool]) -> tuple[Claim, ...]:
        """Claims of other Syncs to one server sync: of those that have it, and of those that may ask for it.

        Args:
            place: where the server sync is.
            sync_id: its id.
            but: the Sync that is not another one.
            refused: tells of a Workspace whether it may not ask for the sync: its credentials do not work, or are of an
                account that does not see it. Anybody can write down an id and the URL of a server.
        """
        others = ((ref, self.get(SYNC_KIND, ref)) for ref in self._claims.get(sync_id) if ref != but)
        here = ((ref, obj) for ref, obj in others if obj is not None and self._place(obj) == place)
        claims = ((Ref(ref.namespace, workspace_name(obj)), _claim(ref, obj)) for ref, obj in here)
        return tuple(claim for home, claim in claims if claim.registered or not refused(home))

    def claimed(
        self, place: Place, sync_ids: Iterable[str], *, but: Ref, refused: Callable[[Ref], bool]
    ) -> frozenset[str]:
        """Those of the server's syncs to which other Syncs have a claim, as `rivals` tells."""
        return frozenset(sync_id for sync_id in sync_ids if self.rivals(place, sync_id, but=but, refused=refused))

    def _place(self, sync: Mapping[str, Any]) -> Place | None:
        """Where a Sync lives, or is going to."""
        status = sync.get("status", {})
        home = self.get(WORKSPACE_KIND, Ref(sync["metadata"]["namespace"], workspace_name(sync)))
        spec = home.get("spec", {}) if home else {}
        if status.get("id") and status.get("url"):
            place = place_of(status["url"], status.get("workspaceId"))
            return place_now(place, spec["url"], spec["previousUrls"]) if "previousUrls" in spec else place
        return place_of(spec["url"], spec.get("workspaceId")) if "url" in spec else None


def ref_of(obj: Mapping[str, Any]) -> Ref:
    """Namespace and name of an object."""
    return Ref(obj["metadata"]["namespace"], obj["metadata"]["name"])


def version_of(obj: Mapping[str, Any]) -> int:
    """``metadata.resourceVersion``: comparable as a number within one life of an object (KEP-5504)."""
    return int(obj["metadata"]["resourceVersion"])


def workspace_name(sync: Mapping[str, Any]) -> str:
    """Name of the Workspace that a Sync refers to."""
    name: str = sync.get("spec", {}).get("workspaceRef", {}).get("name", "default")
    return name


def wanted_id(sync: Mapping[str, Any]) -> str | None:
    """The server's id that a Sync has, or asks for."""
    wanted: str | None = sync.get("status", {}).get("id") or sync.get("spec", {}).get("externalId")
    return one_spelling(wanted) if wanted else None


def _claim(ref: Ref, sync: Mapping[str, Any]) -> Claim:
    return Claim(
        holder=f"{ref.namespace}/{ref.name}",
        registered=bool(sync.get("status", {}).get("id")),
        created_at=datetime.fromisoformat(sync["metadata"]["creationTimestamp"]),
        uid=sync["metadata"]["uid"],
        account=sync.get("status", {}).get("account") or "",
    )


def _same_life(held: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    return bool(held["metadata"].get("uid") == obj["metadata"].get("uid"))


def _secrets_of_sync(sync: Mapping[str, Any]) -> set[str]:
    entries = sync.get("spec", {}).get("configurationSecrets", ())
    return {entry["secretKeyRef"]["name"] for entry in entries if entry.get("secretKeyRef", {}).get("name")}


def _secrets_of_workspace(workspace: Mapping[str, Any]) -> set[str]:
    spec = workspace.get("spec", {})
    auth = spec.get("auth", {})
    refs = (auth.get("tokenSecretRef"), auth.get("loginSecretRef"), spec.get("caSecretRef"))
    names = {ref["name"] for ref in refs if ref and "name" in ref}
    return names | {token_secret_name(workspace["metadata"]["name"])} if auth.get("loginSecretRef") else names
