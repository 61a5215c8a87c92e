"""Checks a Connector against the definitions of its server, as the controller does before it sends anything."""

from collections.abc import Iterator

from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.commands.diagnostics import Diagnostic
from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.commands.validate.checks.object_checks import invalid
from sync_operator.domain.definitions.clear_text_secrets import clear_text_errors
from sync_operator.domain.definitions.definition_schema import schema_errors
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.pipeline.definitions import DefinitionSet

__all__ = ["definition_problems"]

_NOT_KNOWN = "?"
"""Stands for each value that is in a Secret."""


def definition_problems(manifest: Manifest, spec: ConnectorSpec, definitions: DefinitionSet) -> Iterator[Diagnostic]:
    """What the server would refuse of a Connector whose pointers lead somewhere, and secrets in clear text."""
    kind = spec.connector_type.value
    definition = definitions.get(kind, spec.connector_name)
    if definition is None:
        words = definitions.explain_absence(kind, spec.connector_name)
        yield invalid(manifest, InvalidSpecError("spec.connectorName", words))
        return
    pointers = [entry.pointer for entry in spec.configuration_secrets]
    for error in clear_text_errors(definition, spec.configuration, pointers):
        yield invalid(manifest, error)
    configuration = with_secrets(spec.configuration, dict.fromkeys(pointers, _NOT_KNOWN))
    for error in schema_errors(definition, configuration, pointers):
        yield invalid(manifest, error)
