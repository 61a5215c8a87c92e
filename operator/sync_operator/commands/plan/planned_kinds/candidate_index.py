"""Index of the server's syncs that belong to no Sync, to find the one that matches a manifest. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.commands.plan.planned_kinds.planned_sync import filled
from sync_operator.commands.server_access import WorkspaceContent
from sync_operator.domain.sync.references import spec_ids
from sync_operator.domain.sync.request_body import request_body
from sync_operator.domain.sync.sync_fields import SYNC_FIELDS
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.types import Dialect, RemoteSync

__all__ = ["CandidateIndex"]

_NO_MODEL: Final = ""
"""Bucket for syncs without a model id."""


class CandidateIndex:
    """Syncs by model id, so that thousands of manifests can be matched with thousands of syncs quickly.

    The specs to be matched must have source, destination and model as ids.

    Args:
        found: the server's syncs.
        taken: ids of syncs that belong to a Sync.
    """

    def __init__(self, found: WorkspaceContent, taken: frozenset[str]) -> None:
        self._dialect = found.dialect
        self._free = defaultdict[str, list[RemoteSync]](list)
        for remote in sorted(found.syncs.values(), key=lambda remote: int(remote.id)):
            if remote.id not in taken:
                self._free[_model_of(remote)].append(remote)

    def take(self, remote: RemoteSync) -> None:
        """Remove a sync that belongs to a Sync now."""
        self._free[_model_of(remote)].remove(remote)

    def equal(self, spec: SyncSpec, known: Mapping[str, str]) -> tuple[RemoteSync, ...]:
        """Syncs that equal a spec in all written fields, oldest first.

        ``known`` are values from Secrets by JSON pointer.
        """
        return tuple(
            remote
            for remote in self._compartments(spec)
            if (body := _body(spec, self._dialect, filled(spec, known, remote))) is not None
            and not SYNC_FIELDS.differing(body, remote.attributes)
        )

    def alike(self, spec: SyncSpec) -> tuple[RemoteSync, ...]:
        """Syncs that equal a spec in its immutable fields, oldest first."""
        wanted = {name: getattr(spec, name) for name in SYNC_FIELDS.fixed}
        return tuple(
            remote
            for remote in self._compartments(spec)
            if not SYNC_FIELDS.differing(wanted, remote.attributes, names=SYNC_FIELDS.fixed)
        )

    def _compartments(self, spec: SyncSpec) -> list[RemoteSync]:
        return [*self._free[str(spec.model_id)], *self._free[_NO_MODEL]]


def _model_of(remote: RemoteSync) -> str:
    return str(remote.attributes.get("model_id") or _NO_MODEL).strip()


def _body(spec: SyncSpec, dialect: Dialect, secrets: Mapping[str, str]) -> dict[str, Any] | None:
    try:
        return request_body(spec, spec_ids(spec), dialect, secrets)
    except InvalidSpecError:
        return None
