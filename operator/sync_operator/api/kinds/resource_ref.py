"""References in a spec: to other resources, to things that the server has by name, and to values in Secrets."""

from typing import Annotated

from pydantic import AfterValidator, Field

from sync_operator.api.base import DnsName, Model, SecretKey, ServerName
from sync_operator.api.field_patterns import POINTER, RESOURCE_NAME

__all__ = [
    "ConfigurationSecret",
    "ConfigurationSecrets",
    "ResourceRef",
    "SecretKeyRef",
    "WorkspaceRef",
]

type _ResourceName = Annotated[str, Field(min_length=1, max_length=253, pattern=RESOURCE_NAME)]
type _Pointer = Annotated[str, Field(min_length=2, max_length=1024, pattern=POINTER)]


class WorkspaceRef(Model):
    """The Workspace through which a Sync reaches its server."""

    name: DnsName = "default"
    """Name of a Workspace in the same namespace. Fixed once the sync is registered."""


class ResourceRef(Model):
    """Something that is registered on the server: by its resource in the cluster, or by its name on the server."""

    name: _ResourceName | None = None
    """Name of a Connector or Model in the same namespace. What refers to it waits until it is Ready, and goes on by
    itself then. Exactly one of this and serverName."""
    server_name: ServerName | None = None
    """Name on the server, to the letter, of something that is there already. It is looked up at the registration, in a
    list no older than a minute, and then with each comparison with the server. A name that is missing, or that several
    have, stalls what refers to it until the server has it once. After the registration, a name that leads elsewhere
    changes nothing there: it is told. Exactly one of this and name."""


class SecretKeyRef(Model):
    """One value in a Secret."""

    name: DnsName
    """Name of a Secret in the same namespace."""
    key: SecretKey
    """Key in the Secret's data."""


class ConfigurationSecret(Model):
    """A value that is put into `configuration` when it is sent, and kept nowhere else."""

    pointer: _Pointer
    """Where in `configuration` the value goes: a JSON pointer, such as `/0/embedding_config/api_key`."""
    secret_key_ref: SecretKeyRef
    """The Secret and key that hold the value."""


def _unique(secrets: tuple[ConfigurationSecret, ...]) -> tuple[ConfigurationSecret, ...]:
    pointers = [secret.pointer for secret in secrets]
    for pointer in pointers:
        if pointers.count(pointer) > 1:
            raise ValueError(f"has two entries for pointer {pointer!r}; keep one of them")
    return secrets


type ConfigurationSecrets = Annotated[
    tuple[ConfigurationSecret, ...],
    Field(
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["pointer"]},
    ),
    AfterValidator(_unique),
]
"""The same field in each kind that has a configuration."""
