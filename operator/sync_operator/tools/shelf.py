"""The server's syncs that nobody is known to have, to be looked through for the one that fits a manifest. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.decide.body import sync_body
from sync_operator.decide.diff import FIXED, differing_fields
from sync_operator.decide.refs import spec_ids
from sync_operator.errors import InvalidSpecError
from sync_operator.model.sync import SyncSpec
from sync_operator.remote.types import Dialect, RemoteSync
from sync_operator.tools.foresee import filled
from sync_operator.tools.server import Workspace

__all__ = ["Shelf"]

_UNTOLD: Final = ""
"""Compartment of syncs whose model the server does not tell."""


class Shelf:
    """Syncs by their model, so that thousands of manifests find theirs among thousands of syncs in good time.

    Specs that are looked for give source, destination and model by id.

    Args:
        found: what the server holds.
        taken: ids that belong to somebody.
    """

    def __init__(self, found: Workspace, taken: frozenset[str]) -> None:
        self._dialect = found.dialect
        self._free = defaultdict[str, list[RemoteSync]](list)
        for remote in sorted(found.syncs.values(), key=lambda remote: int(remote.id)):
            if remote.id not in taken:
                self._free[_model_of(remote)].append(remote)

    def take(self, remote: RemoteSync) -> None:
        """It belongs to somebody now."""
        self._free[_model_of(remote)].remove(remote)

    def equal(self, spec: SyncSpec, known: Mapping[str, str]) -> tuple[RemoteSync, ...]:
        """Syncs that hold all that a spec writes, oldest first; ``known`` are values from Secrets by JSON pointer."""
        return tuple(
            remote
            for remote in self._compartments(spec)
            if (body := _body(spec, self._dialect, filled(spec, known, remote))) is not None
            and not differing_fields(body, remote.attributes)
        )

    def alike(self, spec: SyncSpec) -> tuple[RemoteSync, ...]:
        """Syncs that agree with a spec in what nobody changes once a sync is made, oldest first."""
        wanted = {name: getattr(spec, name) for name in FIXED}
        return tuple(
            remote
            for remote in self._compartments(spec)
            if not differing_fields(wanted, remote.attributes, names=FIXED)
        )

    def _compartments(self, spec: SyncSpec) -> list[RemoteSync]:
        return [*self._free[str(spec.model_id)], *self._free[_UNTOLD]]


def _model_of(remote: RemoteSync) -> str:
    return str(remote.attributes.get("model_id") or _UNTOLD).strip()


def _body(spec: SyncSpec, dialect: Dialect, secrets: Mapping[str, str]) -> dict[str, Any] | None:
    try:
        return sync_body(spec, spec_ids(spec), dialect, secrets)
    except InvalidSpecError:
        return None
