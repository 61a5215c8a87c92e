"""The body of a connector's create and update: the whole configuration with its secrets, and never a mask. Pure."""

from collections.abc import Mapping
from typing import Any

from sync_operator.api.validation.content_faults import MASK
from sync_operator.domain.connector.connector_snapshot import ConnectorSnapshot
from sync_operator.domain.identity.ownership_mark import marked_description
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.errors import InvalidSpecError

__all__ = ["configuration_of", "connector_body"]


def connector_body(snapshot: ConnectorSnapshot) -> dict[str, Any]:
    """The value of ``connector`` in a create.

    Raises:
        InvalidSpecError: a Secret holds a mask, or the pointer of a secret leads nowhere.
    """
    spec = snapshot.connector.spec
    if spec is None:
        raise ValueError("no body without spec")
    return {
        "name": spec.name or snapshot.connector.name,
        "connector_type": spec.connector_type.value,
        "connector_name": spec.connector_name,
        "description": marked_description(snapshot, spec.description),
        "configuration": configuration_of(snapshot),
    }


def configuration_of(snapshot: ConnectorSnapshot, values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The configuration with the values of its Secrets, or with others in their places; raises as `connector_body`."""
    spec, values = snapshot.connector.spec, (snapshot.secrets or {}) if values is None else values
    for number, entry in enumerate(spec.configuration_secrets if spec else ()):
        if values.get(entry.pointer) == MASK:
            raise InvalidSpecError(
                f"spec.configurationSecrets[{number}].secretKeyRef",
                f"key {entry.secret_key_ref.key!r} of Secret {entry.secret_key_ref.name!r} holds {MASK}, which servers "
                "show in place of a secret; put the secret itself there",
            )
    found: dict[str, Any] = with_secrets(spec.configuration if spec else {}, values)
    return found
