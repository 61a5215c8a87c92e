"""Looks in every list for syncs that equal a Sync's own and belong to nobody; deletes what is certain to be ours."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sync_operator.decide.late_creates import duplicates_of, is_same, is_told
from sync_operator.decide.picture import Duplicate, Picture, SyncView
from sync_operator.errors import NotFoundError, SyncOperatorError
from sync_operator.handlers.cache import Ref, workspace_name
from sync_operator.handlers.listings import Listed
from sync_operator.handlers.operator import Operator
from sync_operator.handlers.slices import Slices
from sync_operator.model.names import CREATE_STARTED, SYNC_KIND
from sync_operator.model.scope import Scope
from sync_operator.remote.client import ApiClient

__all__ = ["delete_twin", "look_for_duplicates"]

_log = logging.getLogger(__name__)
_NOBODY: Final = Ref("", "")
MAX_UNCLAIMED: Final = 1000
"""So many syncs that belong to no Sync are compared, the youngest first."""


async def look_for_duplicates(
    operator: Operator, workspace: Ref, scope: Scope, listed: Listed, watched: Sequence[Picture]
) -> list[SyncView]:
    """Note what the list shows beside the watched Syncs' own; those for which that is news."""
    if not watched:
        return []
    slices, unclaimed, is_claimed = Slices(), [], _claims(operator, workspace, scope)
    for sync_id in sorted(listed.ids, key=int, reverse=True):
        await slices.pause()
        if not is_claimed(sync_id) and (remote := listed.get(sync_id)) is not None:
            unclaimed.append(remote)
            if len(unclaimed) == MAX_UNCLAIMED:
                break
    # Of those left, somebody may have claimed one while the others were looked at.
    is_claimed = _claims(operator, workspace, scope)
    unclaimed = [remote for remote in unclaimed if not is_claimed(remote.id)]
    ahead = listed.clock - listed.at if listed.clock else timedelta()
    news, pending = [], _pending_streams(operator, workspace, scope)
    for picture in watched:
        await slices.pause()
        before = operator.duplicates.get(picture.sync.uid, ())
        found = duplicates_of(picture, unclaimed, ahead)
        if _is_pending(picture, pending):
            found = _told_before(found, before)
        if found != before or (is_told(picture) and not found):
            news.append(picture.sync)
        operator.duplicates[picture.sync.uid] = found
    return news


def _told_before(found: Iterable[Duplicate], before: Iterable[Duplicate]) -> tuple[Duplicate, ...]:
    """While another Sync's create of that stream is under way or lost, one that comes up may be that one's."""
    ids = {entry.remote.id for entry in before}
    return tuple(replace(entry, certain=False) for entry in found if entry.remote.id in ids)


async def delete_twin(
    operator: Operator, client: ApiClient, scope: Scope, picture: Picture, twin: Duplicate
) -> Picture:
    """Delete a sync that a lost create of this Sync has made, after one more look.

    What is not as it was, or what the server does not let us delete, is told, and looked at again with the next list.
    """
    sync, sync_id, removed = picture.sync, twin.remote.id, picture.removed
    left = tuple(entry for entry in picture.duplicates or () if entry.remote.id != sync_id)
    told = replace(twin, certain=False)
    async with operator.creates.gate(scope, sync.spec.stream_name if sync.spec else None).settling():
        try:
            if await _is_ours_alone(operator, client, scope, picture, twin):
                operator.listings.wrote(scope.place, sync_id)
                await client.delete_sync(sync_id)
                operator.listings.wrote(scope.place, sync_id)
                removed = (*removed, sync_id)
            else:
                left = (*left, told)
        except NotFoundError:
            pass
        except SyncOperatorError as error:
            words = "Sync %s/%s: sync %s, which a lost create has made, was not deleted: %s"
            _log.warning(words, sync.namespace, sync.name, sync_id, error)
            left = (*left, told)
    operator.duplicates[sync.uid] = left
    return replace(picture, duplicates=left, removed=removed)


async def _is_ours_alone(
    operator: Operator, client: ApiClient, scope: Scope, picture: Picture, twin: Duplicate
) -> bool:
    """True when the server shows the sync as it was listed and no run of it, and no Sync of the cluster may have it.

    Raises:
        SyncOperatorError: the server refused or did not answer; `NotFoundError` when it is gone.
    """
    sync_id = twin.remote.id
    held = await client.get_sync(sync_id)
    if not is_same(picture, held, twin.remote) or await client.list_runs(sync_id, limit=1):
        return False
    # The same server may go by another name elsewhere, so each claim to that id counts, and each create of the stream.
    if operator.cache.claimants(sync_id) or sync_id in operator.creates.claimed(scope.place, but=""):
        return False
    home = Ref(picture.sync.namespace, picture.workspace.name)
    return not _is_pending(picture, _pending_streams(operator, home, scope, everywhere=True))


def _claims(operator: Operator, workspace: Ref, scope: Scope) -> Callable[[str], bool]:
    """Tells of an id whether a Sync has the sync, or may ask for it."""
    refused = partial(operator.sessions.refused, workspace)
    ours = operator.creates.claimed(scope.place, but="") | operator.listings.written_since(scope)

    def is_claimed(sync_id: str) -> bool:
        return sync_id in ours or bool(operator.cache.claimed(scope.place, (sync_id,), but=_NOBODY, refused=refused))

    return is_claimed


def _is_pending(picture: Picture, streams: frozenset[str | None]) -> bool:
    return not streams.isdisjoint({None, picture.sync.spec.stream_name if picture.sync.spec else None})


def _pending_streams(
    operator: Operator, workspace: Ref, scope: Scope, *, everywhere: bool = False
) -> frozenset[str | None]:
    """The streams of which a create is under way or lost; None is among them where it may be of any stream.

    Args:
        operator: the running operator.
        workspace: the one that asks.
        scope: the scope of that one.
        everywhere: True where creates that go to other places, as far as is known, count too.
    """
    streams = set[str | None]()
    for sync in operator.cache.all(SYNC_KIND):
        metadata = sync["metadata"]
        if CREATE_STARTED not in metadata.get("annotations", {}) or sync.get("status", {}).get("id"):
            continue
        home = Ref(metadata["namespace"], workspace_name(sync))
        session = operator.sessions.get(home)
        here = session is not None and session.view.place == scope.place
        if here and not operator.sessions.refused(workspace, home):
            streams |= {_wanted_stream(sync), _sent_stream(operator, sync)}
        elif everywhere:
            streams.add(_wanted_stream(sync))
    return frozenset(streams)


def _wanted_stream(sync: Mapping[str, Any]) -> str | None:
    name: str | None = sync.get("spec", {}).get("streamName")
    return name


def _sent_stream(operator: Operator, sync: Mapping[str, Any]) -> str | None:
    """The stream of what was sent; None where the spec may have named another one by then."""
    sent = operator.creates.sent(sync["metadata"]["uid"])
    if sent is not None:
        return str(sent.get("stream_name"))
    return _wanted_stream(sync) if sync["metadata"].get("generation") == 1 else None
