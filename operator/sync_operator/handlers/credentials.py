"""What a Workspace's Secrets hold, read anew at each look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync_operator.cluster.kube import SECRETS, Kube
from sync_operator.decide.workspace import decode_secret
from sync_operator.model.workspace import LoginSecretRef, TokenSecretRef, WorkspaceSpec

__all__ = ["Credentials", "read_credentials"]

_LOGIN = "spec.auth.loginSecretRef"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a Workspace authenticates: a token, or e-mail address and password.

    Attributes:
        token: bearer token; empty with a login.
        email: empty with a token.
        password: empty with a token.
        version: changes with every change of the login Secret.
        ca_pem: certificates to trust, or None for the system's own.
    """

    token: str = ""
    email: str = ""
    password: str = ""
    version: str = ""
    ca_pem: str | None = None


async def read_credentials(kube: Kube, namespace: str, spec: WorkspaceSpec) -> Credentials:
    """Read the Secrets that a Workspace names.

    Raises:
        InvalidSpecError: one is missing or cannot be used; names the field.
        KubernetesError: one could not be read.
    """
    ca, auth, ca_pem = spec.ca_secret_ref, spec.auth, None
    if ca is not None:
        found = await kube.get(SECRETS, namespace, ca.name)
        ca_pem = decode_secret(found, namespace=namespace, name=ca.name, key=ca.key, field="spec.caSecretRef")
    match auth.token_secret_ref or auth.login_secret_ref:
        case TokenSecretRef() as ref:
            found = await kube.get(SECRETS, namespace, ref.name)
            field = "spec.auth.tokenSecretRef"
            token = decode_secret(found, namespace=namespace, name=ref.name, key=ref.key, field=field)
            return Credentials(token=token, ca_pem=ca_pem)
        case LoginSecretRef() as ref:
            found = await kube.get(SECRETS, namespace, ref.name)
            email = decode_secret(found, namespace=namespace, name=ref.name, key=ref.email_key, field=_LOGIN)
            password = decode_secret(found, namespace=namespace, name=ref.name, key=ref.password_key, field=_LOGIN)
            return Credentials(email=email, password=password, version=_version(found), ca_pem=ca_pem)
        case None:
            raise AssertionError("the CRD lets no Workspace without credentials pass")


def _version(secret: Mapping[str, Any] | None) -> str:
    metadata = (secret or {}).get("metadata", {})
    return f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}"
