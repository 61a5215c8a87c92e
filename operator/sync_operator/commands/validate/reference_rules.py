"""Problems with references to Connectors and Models between the manifests of an input. Pure."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.api.enums import ConnectorType
from sync_operator.api.kinds.workspace import RemoteWorkspace
from sync_operator.api.rules.query_text import NO_CURSOR
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.validate.batches import Home, Results, home_of
from sync_operator.commands.validate.checks.object_checks import Checked, invalid
from sync_operator.commands.validate.facts import Facts
from sync_operator.domain.definitions.query_types import query_type_error
from sync_operator.syncapi.pipeline.definitions import DefinitionSet

__all__ = ["query_type_problems", "reference_problems", "same_server_names"]

_TYPES: Final = {
    "source": ConnectorType.SOURCE,
    "connector": ConnectorType.SOURCE,
    "destination": ConnectorType.DESTINATION,
}
"""Role → what the Connector must be."""

type _Found = Iterator[tuple[Checked[Any], Diagnostic]]


def reference_problems(seen: Results) -> _Found:
    """Problems of Models and Syncs with what they refer to."""
    connectors = {home_of(checked.manifest): facts for checked, facts in seen.of(CONNECTOR_KIND)}
    models = {home_of(checked.manifest): facts for checked, facts in seen.of(MODEL_KIND)}
    for checked, facts in seen.registered:
        for role, form, value in facts.references:
            if form == "name":
                kind, known = (MODEL_KIND, models) if role == "model" else (CONNECTOR_KIND, connectors)
                yield from _of_reference(checked, facts, role, kind, known, str(value))
    for checked, facts in seen.of(SYNC_KIND):
        yield from _other_source(checked, facts, models)
        yield from _no_cursor(checked, facts, models)


def query_type_problems(seen: Results, definitions: DefinitionSet) -> _Found:
    """Models whose query type does not fit the definition of the Connector of the input that they refer to."""
    connectors = {home_of(checked.manifest): facts for checked, facts in seen.of(CONNECTOR_KIND)}
    for checked, facts in seen.of(MODEL_KIND):
        form, name = facts.reference("connector") or ("id", 0)
        target = connectors.get((checked.manifest.namespace, str(name))) if form == "name" else None
        definition = definitions.get(target.connector_type, target.definition) if target else None
        error = query_type_error(definition, facts.query_type) if definition else None
        if error is not None:
            yield checked, invalid(checked.manifest, error)


def same_server_names(seen: Results, remote: dict[Home, RemoteWorkspace]) -> _Found:
    """Connectors of one type to which one name would belong on the server, which has it only once.

    Args:
        seen: the input.
        remote: the workspaces on servers that Workspaces of the input stand for.
    """
    first: dict[tuple[RemoteWorkspace | Home, str, str], Checked[Any]] = {}
    for checked, facts in seen.of(CONNECTOR_KIND):
        home = (checked.manifest.namespace, facts.workspace)
        known = first.setdefault((remote.get(home, home), facts.connector_type, facts.server_name), checked)
        if known is not checked and facts.server_name and home_of(known.manifest) != home_of(checked.manifest):
            message = (
                f"the server has the name {facts.server_name!r} once for each type, and {known.manifest.subject} asks "
                "for it too; give one of them another spec.name"
            )
            yield checked, checked.manifest.problem(("spec",), message)


def _of_reference(
    checked: Checked[Any], facts: Facts, role: str, kind: str, known: dict[Home, Facts], name: str
) -> _Found:
    """What is wrong with one reference by name."""
    manifest = checked.manifest
    path = ("spec", f"{role}Ref", "name")
    target = known.get((manifest.namespace, name))
    if target is None:
        beside = [other for namespace, other in known if namespace == manifest.namespace]
        if beside:
            yield checked, manifest.problem(path, _unknown(kind, name, beside), severity=Severity.WARNING)
        return
    wanted = _TYPES.get(role)
    if wanted is not None and target.connector_type not in ("", wanted):
        message = f"is a {target.connector_type}, and a {wanted} is needed; name a Connector with that connectorType"
        yield checked, manifest.problem(path, f"{name!r} {message}")
    if target.workspace != facts.workspace:
        message = f"{kind} {name!r} is in Workspace {target.workspace!r}, and this is in {facts.workspace!r}"
        yield checked, manifest.problem(path, f"{message}; both must have the same workspaceRef")


def _unknown(kind: str, name: str, beside: Iterable[str]) -> str:
    similar = get_close_matches(name, sorted(beside), n=1)
    meant = f"; did you mean {similar[0]!r}?" if similar else "; add it, or write its name on the server as serverName"
    return f"{name!r} is not a {kind} of this input, which has others in the namespace{meant}"


def _no_cursor(checked: Checked[Any], facts: Facts, models: dict[Home, Facts]) -> _Found:
    """A Sync with a cursor field whose runs would break on its model's query."""
    form, name = facts.reference("model") or ("id", 0)
    model = models.get((checked.manifest.namespace, str(name))) if form == "name" else None
    if facts.cursor and model is not None and not model.cursor:
        message = f"the query of Model {name!r} ends in a condition or an order, and {NO_CURSOR}"
        yield checked, checked.manifest.problem(("spec", "cursorField"), message)


def _other_source(checked: Checked[Any], facts: Facts, models: dict[Home, Facts]) -> _Found:
    """A Sync whose rows would be read from elsewhere than its model's source."""
    form, name = facts.reference("model") or ("id", 0)
    model = models.get((checked.manifest.namespace, str(name))) if form == "name" else None
    own, other = facts.reference("source"), model.reference("connector") if model else None
    if own is None or other is None or own[0] != other[0] or own == other:
        return
    field = ("spec", "sourceId") if own[0] == "id" else ("spec", "sourceRef", own[0])
    message = f"{own[1]!r} is not the source of Model {name!r}, which is {other[1]!r}; both must be the same"
    yield checked, checked.manifest.problem(field, message)
