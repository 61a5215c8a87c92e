"""Connectors and Models as what refers to them sees them once the plan is carried out. Pure.

What is only going to be created has no id yet. A number that no server gives stands for it, so that the rest of what
depends on it can be decided; in the output it is replaced by words.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND
from sync_operator.api.statuses.status_fields import to_dict
from sync_operator.commands.manifests.manifest_set import ManifestSet
from sync_operator.commands.plan.dry_run import PlanAction, PlannedChange
from sync_operator.commands.plan.plan_input import READ_STATUS, Candidate, registered_workspace
from sync_operator.commands.targets import Target
from sync_operator.domain.reference_view import ReferenceView, view_of
from sync_operator.domain.registration.field_diff import Change

__all__ = ["NEW_UID", "PlannedReferences"]

NEW_UID: Final = "its-uid"
"""Stands for the uid of a resource that the cluster does not have yet, in the mark of a description."""
_FIRST_NUMBER: Final = 9_200_000_000_000_000_000
_NUMBER: Final = re.compile(r"\b92\d{17}\b")
_UID_WORDS: Final = "(uid)"


class PlannedReferences:
    """The Connectors and Models of the input and of the cluster.

    Args:
        live: the objects of the cluster.
    """

    def __init__(self, live: ManifestSet) -> None:
        self._views: dict[tuple[str, str, str], ReferenceView] = {}
        self._names: dict[int, str] = {}
        for manifest in live.manifests:
            if manifest.kind in READ_STATUS:
                key = manifest.kind, manifest.namespace, manifest.name
                self._views[key] = _live_view(manifest.kind, manifest.name, manifest.value)

    def view(self, kind: str, namespace: str, name: str) -> ReferenceView:
        """A Connector or Model of a namespace."""
        missing = ReferenceView(kind=kind, name=name, found=False)
        return self._views.get((kind, namespace, name), missing)

    def expect(self, each: Candidate, planned: PlannedChange | None, target: Target | None, error: str = "") -> None:
        """Take in what is planned for a Connector or Model; None if its server could not be read, for the reason given.

        What is unchanged stays as ready as the cluster says that it is.
        """
        kind, home = each.kind, each.home
        known = self._views.get((kind, *home))
        view = replace(
            known or ReferenceView(kind=kind, name=home[1]),
            workspace=each.workspace[1],
            remote_workspace=target.remote_workspace if target is not None else None,
            connector_type=getattr(each.spec, "connector_type", ""),
            definition=getattr(each.spec, "connector_name", ""),
            connector_id=self._source_of(each) or (known.connector_id if known is not None else None),
        )
        if planned is None:
            view = replace(view, ready=False, trouble=error)
        elif planned.action is PlanAction.BLOCKED:
            view = replace(view, id=_number(planned.remote_id), ready=False, trouble=planned.notes[0])
        elif planned.remote_id is None:
            view = replace(
                view, id=self._number_for(view), registered_at=None, ready=True, streams=(), stream_count=None
            )
        elif known is None or each.is_changed or planned.changes_server or not known.trouble:
            view = replace(view, id=_number(planned.remote_id), ready=True)
        self._views[kind, *home] = view

    def in_words(self, planned: PlannedChange) -> PlannedChange:
        """The same for the output: without the numbers and the uid that stand for what is not known yet."""
        return replace(
            planned,
            changes=tuple(self._change_in_words(change) for change in planned.changes),
            notes=tuple(self._words(note) for note in planned.notes),
        )

    def _source_of(self, each: Candidate) -> int | None:
        """The source that a Model is registered with, as far as its spec tells."""
        if each.kind != MODEL_KIND or each.spec.connector_ref is None or each.spec.connector_ref.name is None:
            return getattr(each.spec, "connector_id", None)
        return self.view(CONNECTOR_KIND, each.home[0], each.spec.connector_ref.name).id

    def _number_for(self, view: ReferenceView) -> int:
        number = _FIRST_NUMBER + len(self._names)
        self._names[number] = f"(after {view.words} is created)"
        return number

    def _change_in_words(self, change: Change) -> Change:
        texts = [self._words(text) for text in (change.old, change.new)]
        values = [
            text if value is not None and text != shown else value
            for text, shown, value in zip(
                texts, (change.old, change.new), (change.old_value, change.new_value), strict=True
            )
        ]
        return Change(change.path, *texts, *values)

    def _words(self, text: str) -> str:
        text = _NUMBER.sub(lambda found: self._names.get(int(found[0]), found[0]), text)
        return text.replace(NEW_UID, _UID_WORDS)


def _number(remote_id: str | None) -> int | None:
    return int(remote_id) if remote_id is not None else None


def _live_view(kind: str, name: str, value: Mapping[str, Any]) -> ReferenceView:
    status, spec = READ_STATUS[kind](value.get("status")), _mapping(value.get("spec"))
    obj = {"metadata": {**_mapping(value.get("metadata")), "name": name}, "spec": spec, "status": to_dict(status)}
    workspace = _mapping(spec.get("workspaceRef")).get("name", "default")
    return view_of(kind, obj, workspace, registered_workspace(status))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
