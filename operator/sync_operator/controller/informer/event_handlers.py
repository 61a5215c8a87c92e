"""kopf's event handlers: put watch events into the cache and queue the affected keys. They do no other work."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, repeat
from typing import Any

import kopf

from sync_operator.api.constants import GROUP, MANAGED_BY, MANAGED_BY_LABEL, SYNC_KIND, VERSION, WORKSPACE_KIND
from sync_operator.controller.context import OURS, ControllerContext
from sync_operator.controller.informer.store import NamespacedName, wanted_id, workspace_name
from sync_operator.controller.references.reference_views import KIND_OF, enqueue_referrers
from sync_operator.controller.references.use_counts import enqueue_used
from sync_operator.controller.references.users import enqueue_released
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.kubernetes.converters import owning_sync
from sync_operator.kubernetes.watch.watch_middleware import CLIENT_TIMEOUT, WATCH_TIMEOUT

__all__ = ["make_registry", "make_settings"]

_LABELS = {MANAGED_BY_LABEL: MANAGED_BY}
_CHUNK = 50
"""Page size of kopf's own lists; small, because single objects may be as large as the API server allows."""
_COUNT_DELAY = 2.0
"""Seconds for which added and deleted resources are collected before their Workspace's count is updated."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """Disables kopf's diffs: with `on.event` handlers only, it need not copy, compare or annotate objects."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass


class _NoProgress(kopf.ProgressStorage):
    """Disables kopf's progress annotations: it retries no handler of ours."""

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


class _ErrorBackoff:
    """Backoff of kopf's refused requests, in seconds: without end, and from the start for each request."""

    def __iter__(self) -> Iterator[float]:
        return chain((1.0, 2.0, 4.0, 8.0, 16.0), repeat(20.0))


def make_settings(*, clusterwide: bool) -> kopf.OperatorSettings:
    """Settings that turn off kopf's own bookkeeping: no annotations, no events; lists are filtered by the API server.

    Args:
        clusterwide: False to send no request outside the namespaces served; then CRDs and namespaces are not watched.
    """
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.finalizer = f"{GROUP}/kopf-unused"
    settings.posting.enabled = False
    settings.queueing.idle_timeout = 1
    settings.watching.server_timeout, settings.watching.client_timeout = WATCH_TIMEOUT, CLIENT_TIMEOUT
    settings.watching.chunk_size = _CHUNK
    settings.scanning.disabled = not clusterwide
    # By default kopf stops the whole operator when one watch has been refused for a minute. That may be an outage of
    # the API server, or one of many namespaces that was deleted with its Role. Either may recover.
    settings.networking.error_backoffs = _ErrorBackoff()
    for plural in ("cronjobs", "jobs"):
        settings.watching.label_selectors["batch", "v1", plural] = OURS
    return settings


def make_registry(context: ControllerContext) -> kopf.OperatorRegistry:
    """A registry with handlers for every kind that a reconcile depends on."""
    registry = kopf.OperatorRegistry()
    handlers = _Handlers(context)
    context.vanished.on_finished = handlers.resource_gone
    for kind, registrations in context.registrations.items():
        plural = registrations.registered_kind.resource.plural
        kopf.on.event(GROUP, VERSION, plural, registry=registry)(partial(handlers.on_resource, kind))
    kopf.on.event(GROUP, VERSION, "workspaces", registry=registry)(handlers.on_workspace)
    kopf.on.event("batch", "v1", "cronjobs", labels=_LABELS, registry=registry)(handlers.on_cronjob)
    kopf.on.event("batch", "v1", "jobs", labels=_LABELS, registry=registry)(handlers.on_job)
    kopf.on.event("", "v1", "secrets", registry=registry)(handlers.on_secret)
    kopf.on.event("", "v1", "configmaps", registry=registry)(handlers.on_config_map)
    return registry


class _Handlers:
    """One handler per kind. An event's type is None for an object of kopf's initial list."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context

    async def on_resource(self, kind: str, event: Mapping[str, Any], **_: Any) -> None:
        """For every kind that is registered on servers."""
        event_type, obj = event["type"], dict(event["object"])
        held, uid = self._held(kind, obj), obj["metadata"]["uid"]
        other = held["metadata"]["uid"] if held is not None and held["metadata"]["uid"] != uid else None
        if held is not None and other in self._context.vanished:
            self.resource_gone(kind, held)
            held = None
        if event_type == "DELETED" and other is None and self._has_vanished(kind, obj):
            event_type, obj = "MODIFIED", self._context.vanished.add(kind, obj, self._context.clock())
        self._apply_resource(kind, event_type, obj, held)

    def resource_gone(self, kind: str, obj: Mapping[str, Any]) -> None:
        """A resource is gone, and so is what was to be deleted on its server."""
        self._apply_resource(kind, "DELETED", dict(obj), self._held(kind, obj))

    def _held(self, kind: str, obj: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the cache has by the name of an object."""
        key = _key(kind, obj)
        return self._context.store.get(kind, NamespacedName(key.namespace, key.name))

    def _has_vanished(self, kind: str, obj: Mapping[str, Any]) -> bool:
        finalizer = self._context.registrations[kind].registered_kind.kind.finalizer
        finished = obj["metadata"]["uid"] in self._context.finalizer_removed
        return not finished and self._context.vanished.has_vanished(obj, finalizer)

    def _apply_resource(
        self, kind: str, event_type: str | None, obj: dict[str, Any], held: dict[str, Any] | None
    ) -> None:
        queue = self._context.queue
        key = _key(kind, obj)
        here = NamespacedName(key.namespace, key.name)
        new, gone = self._apply_event(kind, event_type, obj)
        wanted = wanted_id(held) if held is not None else None
        if wanted is not None and (gone or wanted_id(obj) != wanted):
            for ref in self._context.store.claimants(kind, wanted) - {here}:
                queue.add(Key(kind, *ref))
        if (new or gone) and kind in KIND_OF.values():
            enqueue_referrers(self._context.store, queue, kind, held, None if gone else obj)
        if gone or (new and _registered_as(held) != _registered_as(obj)):
            enqueue_used(self._context, kind, held, obj)
        if gone:
            enqueue_released(self._context, kind, obj)
            self._context.forget_resource(kind, obj)
        elif new:
            self._context.registrations[kind].observe_event(obj, self._context.clock())
            queue.add(key)
        if gone or (new and event_type == "ADDED"):
            queue.add_after(Key(WORKSPACE_KIND, key.namespace, workspace_name(obj)), _COUNT_DELAY)

    async def on_workspace(self, event: Mapping[str, Any], **_: Any) -> None:
        obj = dict(event["object"])
        key = _key(WORKSPACE_KIND, obj)
        new, gone = self._apply_event(WORKSPACE_KIND, event["type"], obj)
        if gone:
            self._context.connections.workspace_deleted(NamespacedName(key.namespace, key.name))
        if new or gone:
            self._context.queue.add(key)

    async def on_cronjob(self, event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] == "DELETED" and self._is_being_deleted(event["object"]):
            self._context.store.mark_deleted("CronJob", event["object"])
        else:
            self._on_child("CronJob", event)

    async def on_job(self, event: Mapping[str, Any], **_: Any) -> None:
        self._on_child("Job", event)

    async def on_config_map(self, event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] is not None:
            metadata = event["object"]["metadata"]
            self._recheck(self._context.store.models_using(NamespacedName(metadata["namespace"], metadata["name"])))

    async def on_secret(self, event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] is None:
            return  # the first reconcile of a Workspace reads its Secrets itself
        metadata = event["object"]["metadata"]
        secret = NamespacedName(metadata["namespace"], metadata["name"])
        for key in self._context.store.resources_using(WORKSPACE_KIND, secret):
            self._context.queue.add(key)
        for kind in self._context.registrations:
            self._recheck(self._context.store.resources_using(kind, secret))

    def _recheck(self, keys: Iterable[Key]) -> None:
        """Queue resources with a value that may have changed in a Secret or ConfigMap."""
        for key in keys:
            obj = self._context.store.get(key.kind, NamespacedName(key.namespace, key.name))
            if obj is not None:
                self._context.recheck.add(obj["metadata"]["uid"])
                self._context.queue.add(key)

    def _on_child(self, kind: str, event: Mapping[str, Any]) -> None:
        obj = dict(event["object"])
        owner = owning_sync(obj)
        if any(self._apply_event(kind, event["type"], obj)) and owner:
            self._context.queue.add(Key(SYNC_KIND, obj["metadata"]["namespace"], owner))

    def _is_being_deleted(self, cronjob: Mapping[str, Any]) -> bool:
        """True if the owning Sync is being deleted, so that its CronJob's deletion needs no reconcile."""
        here = NamespacedName(cronjob["metadata"]["namespace"], owning_sync(cronjob) or "")
        sync = self._context.store.get(SYNC_KIND, here)
        return sync is not None and "deletionTimestamp" in sync["metadata"]

    def _apply_event(self, kind: str, event_type: str | None, obj: dict[str, Any]) -> tuple[bool, bool]:
        """Put an event into the cache.

        Returns:
            Whether it brought a new state of the object, and whether the object is gone.
        """
        if event_type == "DELETED":
            self._context.store.mark_deleted(kind, obj)
            return False, True
        return self._context.cache_watched(kind, obj), False


def _registered_as(obj: Mapping[str, Any] | None) -> str | None:
    """The server's id of an object by its status; None before there is one."""
    return obj.get("status", {}).get("id") if obj is not None else None


def _key(kind: str, obj: Mapping[str, Any]) -> Key:
    return Key(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
