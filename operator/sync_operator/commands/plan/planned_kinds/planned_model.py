"""Dry runs of Models: a query of a ConfigMap that the input may lack. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sync_operator.commands.plan.dry_run import Effect, PlannedKind
from sync_operator.domain.model.model_body import ChangeQuery, texts_of
from sync_operator.domain.model.model_snapshot import ModelSnapshot
from sync_operator.domain.registration.registration_actions import UpdateRemote
from sync_operator.syncapi.types import RemoteResource

__all__ = ["PLANNED_MODEL"]

_ELSEWHERE: Final = "(of ConfigMap {name})"
_QUERY_CHANGED: Final = "the new query is in force from the next run of each Sync that uses the model"


def _with_values(snapshot: ModelSnapshot, known: Mapping[str, str], remote: RemoteResource | None) -> ModelSnapshot:
    spec = snapshot.model.spec
    held = remote.attributes.get("query") if remote is not None else None
    values = {}
    for text in texts_of(spec) if spec is not None else ():
        there = held if isinstance(held, str) else _ELSEWHERE.format(name=text.name)
        values[text.pointer] = known.get(text.pointer) or there
    return replace(snapshot, secrets=values)


def _updated(snapshot: ModelSnapshot, action: UpdateRemote) -> Effect[ModelSnapshot]:
    notes: tuple[str, ...] = (_QUERY_CHANGED,) if isinstance(action, ChangeQuery) else ()
    return Effect(snapshot, notes=notes)


PLANNED_MODEL: Final = PlannedKind[ModelSnapshot](with_values=_with_values, updated=_updated)
