"""Changes in the cluster alone (schedule, time zone, suspend, policies, run settings). Pure.

None of these fields is sent to the server, so a comparison with the server does not show them.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sync_operator.api.base import Model
from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.commands.plan.plan_input import READ_SPEC
from sync_operator.domain.registration.field_diff import Change, FieldRules

__all__ = ["cluster_changes"]

_ON_SERVER: Final[Mapping[str, frozenset[str]]] = {
    CONNECTOR_KIND: frozenset({"connector_type", "connector_name", "name", "description", "configuration"}),
    MODEL_KIND: frozenset(
        {
            *("connector_id", "connector_ref", "name", "description"),
            *("query_type", "query", "primary_key"),
        }
    ),
    SYNC_KIND: frozenset(
        {
            *("source_id", "source_ref", "destination_id", "destination_ref", "model_id", "model_ref"),
            *("stream_name", "configuration", "sync_mode", "cursor_field"),
        }
    ),
}
"""Fields of the spec that the comparison with the server covers."""


def cluster_changes(kind: str, spec: Model, live: Mapping[str, Any], reported: Collection[str]) -> tuple[Change, ...]:
    """The fields that applying changes and that the comparison with the server does not cover.

    Args:
        kind: of the resource.
        spec: the spec of the manifest.
        live: the spec of the object in the cluster.
        reported: paths of fields that are reported already.

    Raises:
        InvalidSpecError: the spec in the cluster is invalid.
    """
    held = READ_SPEC[kind](live)
    old, new = (
        dict(_leaves(each.model_dump(mode="json", by_alias=True, exclude=set(_ON_SERVER[kind]))))
        for each in (held, spec)
    )
    paths = [path for path in {**old, **new} if old.get(path) != new.get(path) and path not in reported]
    return FieldRules().changes(old, new, paths)


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{path}{name}/")
        elif inner not in (None, []):
            yield f"{path}{name}", inner
