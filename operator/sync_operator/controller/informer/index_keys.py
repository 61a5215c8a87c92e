"""What the store reads of an object that refers to others, or to what is on a server. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sync_operator.api.constants import CREATE_STARTED_ANNOTATION, WORKSPACE_KIND
from sync_operator.domain.create_fence.matching import Claim
from sync_operator.kubernetes.token_secret import token_secret_name

__all__ = ["claim_of", "config_map_of", "is_unresolved", "secrets_of"]


def is_unresolved(resource: Mapping[str, Any], finalizer: str) -> bool:
    """True with a create intent and without an id, until a deletion has removed our finalizer."""
    metadata = resource["metadata"]
    announced = CREATE_STARTED_ANNOTATION in metadata.get("annotations", {})
    released = "deletionTimestamp" in metadata and finalizer not in metadata.get("finalizers", ())
    return announced and not released and not resource.get("status", {}).get("id")


def claim_of(resource: Mapping[str, Any]) -> Claim:
    """Its claim to the remote resource that it has, or asks for."""
    metadata, status = resource["metadata"], resource.get("status", {})
    return Claim(
        holder=f"{metadata['namespace']}/{metadata['name']}",
        registered=bool(status.get("id")),
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        uid=metadata["uid"],
        account=status.get("account") or "",
    )


def secrets_of(kind: str, obj: Mapping[str, Any]) -> set[str]:
    """Names of the Secrets that a Workspace, or a registered resource, refers to."""
    spec = obj.get("spec", {})
    if kind != WORKSPACE_KIND:
        entries = spec.get("configurationSecrets", ())
        return {entry["secretKeyRef"]["name"] for entry in entries if entry.get("secretKeyRef", {}).get("name")}
    auth = spec.get("auth", {})
    refs = (auth.get("tokenSecretRef"), auth.get("loginSecretRef"), spec.get("caSecretRef"))
    names = {ref["name"] for ref in refs if ref and "name" in ref}
    return names | {token_secret_name(obj["metadata"]["name"])} if auth.get("loginSecretRef") else names


def config_map_of(obj: Mapping[str, Any]) -> str | None:
    """Name of the ConfigMap that a Model takes its query from; None if it takes it from none."""
    name: str | None = obj.get("spec", {}).get("queryFrom", {}).get("configMapKeyRef", {}).get("name")
    return name
