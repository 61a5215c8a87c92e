"""kopf's part: watch events go into the cache and name the keys to be reconciled. No work is done here."""

from collections.abc import Iterator, Mapping
from itertools import chain, repeat
from typing import Any

import kopf

from sync_operator.cluster.views import owning_sync
from sync_operator.cluster.watches import LIFE, PATIENCE
from sync_operator.handlers.cache import Ref, wanted_id, workspace_name
from sync_operator.handlers.operator import OURS, Operator
from sync_operator.handlers.queue import Key
from sync_operator.model.names import GROUP, MANAGED_BY, MANAGED_BY_LABEL, SYNC_KIND, VERSION, WORKSPACE_KIND

__all__ = ["make_registry", "make_settings"]

_LABELS = {MANAGED_BY_LABEL: MANAGED_BY}
_CHUNK = 50
"""Objects that kopf asks for at once, where it lists at all: some may be as large as the API server lets them be."""
_SYNC_COUNT_DELAY = 2.0
"""Seconds in which the arrivals and departures of a Workspace's Syncs are counted together."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """Only `on.event` is used: kopf need not copy, compare or annotate objects."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass


class _NoProgress(kopf.ProgressStorage):
    """As above: no handler of ours is retried by kopf."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass

    def purge(self, **_: Any) -> None:
        pass

    def touch(self, **_: Any) -> None:
        pass

    def clear(self, *, essence: Any) -> Any:
        return essence


class _Patience:
    """Seconds between the tries of a request that is refused: for ever, and each request begins anew."""

    def __iter__(self) -> Iterator[float]:
        return chain((1.0, 2.0, 4.0, 8.0, 16.0), repeat(20.0))


def make_settings(*, clusterwide: bool) -> kopf.OperatorSettings:
    """Settings for a kopf without its own bookkeeping: no annotations, no events, server-side filters.

    Args:
        clusterwide: False to ask for nothing outside the namespaces served; CRDs and namespaces are then not watched.
    """
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.finalizer = f"{GROUP}/kopf-unused"
    settings.posting.enabled = False
    settings.queueing.idle_timeout = 1
    settings.watching.server_timeout, settings.watching.client_timeout = LIFE, PATIENCE
    settings.watching.chunk_size = _CHUNK
    settings.scanning.disabled = not clusterwide
    # Kopf by itself ends all of the work after a minute in which one watch is refused, be it that the API server has
    # trouble, or that one of many namespaces was deleted, and its Role with it. Either may come back.
    settings.networking.error_backoffs = _Patience()
    for plural in ("cronjobs", "jobs"):
        settings.watching.label_selectors["batch", "v1", plural] = OURS
    return settings


def make_registry(operator: Operator) -> kopf.OperatorRegistry:
    """Handlers for everything that a reconcile depends on."""
    registry = kopf.OperatorRegistry()
    handlers = _Handlers(operator)
    kopf.on.event(GROUP, VERSION, "syncs", registry=registry)(handlers.on_sync)
    kopf.on.event(GROUP, VERSION, "workspaces", registry=registry)(handlers.on_workspace)
    kopf.on.event("batch", "v1", "cronjobs", labels=_LABELS, registry=registry)(handlers.on_cronjob)
    kopf.on.event("batch", "v1", "jobs", labels=_LABELS, registry=registry)(handlers.on_job)
    kopf.on.event("", "v1", "secrets", registry=registry)(handlers.on_secret)
    return registry


class _Handlers:
    """One handler a kind. An event's type is None for an object of the first listing."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    async def on_sync(self, event: Mapping[str, Any], **_: Any) -> None:
        queue = self._operator.queue
        obj = dict(event["object"])
        key = _key(SYNC_KIND, obj)
        here = Ref(key.namespace, key.name)
        held = self._operator.cache.get(SYNC_KIND, here)
        new, gone = self._take(SYNC_KIND, event["type"], obj)
        wanted = wanted_id(held) if held is not None else None
        if wanted is not None and (gone or wanted_id(obj) != wanted):
            for ref in self._operator.cache.claimants(wanted) - {here}:
                queue.add(Key(SYNC_KIND, *ref))
        if gone:
            self._operator.forget_sync(obj)
        elif new:
            self._operator.notice(obj)
            queue.add(key)
        if gone or (new and event["type"] == "ADDED"):
            queue.add_after(Key(WORKSPACE_KIND, key.namespace, workspace_name(obj)), _SYNC_COUNT_DELAY)

    async def on_workspace(self, event: Mapping[str, Any], **_: Any) -> None:
        obj = dict(event["object"])
        key = _key(WORKSPACE_KIND, obj)
        new, gone = self._take(WORKSPACE_KIND, event["type"], obj)
        if gone:
            self._operator.sessions.gone(Ref(key.namespace, key.name))
        if new or gone:
            self._operator.queue.add(key)

    async def on_cronjob(self, event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] == "DELETED" and self._is_being_deleted(event["object"]):
            self._operator.cache.bury("CronJob", event["object"])
        else:
            self._child("CronJob", event)

    async def on_job(self, event: Mapping[str, Any], **_: Any) -> None:
        self._child("Job", event)

    async def on_secret(self, event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] is None:
            return  # Workspaces read their Secrets themselves when they are first looked at
        metadata = event["object"]["metadata"]
        secret = Ref(metadata["namespace"], metadata["name"])
        for key in self._operator.cache.workspaces_using(secret):
            self._operator.queue.add(key)
        for key in self._operator.cache.syncs_using(secret):
            sync = self._operator.cache.get(SYNC_KIND, Ref(key.namespace, key.name))
            if sync is not None:
                self._operator.recheck.add(sync["metadata"]["uid"])
                self._operator.queue.add(key)

    def _child(self, kind: str, event: Mapping[str, Any]) -> None:
        obj = dict(event["object"])
        owner = owning_sync(obj)
        if any(self._take(kind, event["type"], obj)) and owner:
            self._operator.queue.add(Key(SYNC_KIND, obj["metadata"]["namespace"], owner))

    def _is_being_deleted(self, cronjob: Mapping[str, Any]) -> bool:
        """True when the end of a CronJob is what its Sync's deletion asked for, or at least does not mind."""
        here = Ref(cronjob["metadata"]["namespace"], owning_sync(cronjob) or "")
        sync = self._operator.cache.get(SYNC_KIND, here)
        return sync is not None and "deletionTimestamp" in sync["metadata"]

    def _take(self, kind: str, event_type: str | None, obj: dict[str, Any]) -> tuple[bool, bool]:
        """Put an event into the cache; whether it brought something new, and whether the object is gone."""
        if event_type == "DELETED":
            self._operator.cache.bury(kind, obj)
            return False, True
        return self._operator.take(kind, obj), False


def _key(kind: str, obj: Mapping[str, Any]) -> Key:
    return Key(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
