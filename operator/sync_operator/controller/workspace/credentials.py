"""Reads a Workspace's Secrets; done in each of its reconciles, because Secrets are not cached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync_operator.api.kinds.workspace import LoginSecretRef, TokenSecretRef, WorkspaceSpec
from sync_operator.domain.status.workspace_status import decode_secret
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import SECRETS

__all__ = ["Credentials", "read_credentials"]

_LOGIN = "spec.auth.loginSecretRef"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A Workspace's credentials: a token, or e-mail address and password.

    Attributes:
        token: bearer token; empty for a login.
        email: e-mail address of the login; empty for a token.
        password: password of the login; empty for a token.
        version: uid and resource version of the login Secret; empty for a token.
        ca_pem: CA certificates to trust; None for those of the system.
    """

    token: str = ""
    email: str = ""
    password: str = ""
    version: str = ""
    ca_pem: str | None = None


async def read_credentials(kube: KubeClient, namespace: str, spec: WorkspaceSpec) -> Credentials:
    """Read the Secrets that a Workspace refers to.

    Raises:
        InvalidSpecError: a Secret is missing or not usable; names the field.
        KubernetesError: a Secret could not be read.
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
            email, password = (
                decode_secret(found, namespace=namespace, name=ref.name, key=key, field=_LOGIN, key_field=key_field)
                for key, key_field in ((ref.email_key, "emailKey"), (ref.password_key, "passwordKey"))
            )
            return Credentials(email=email, password=password, version=_version(found), ca_pem=ca_pem)
        case None:
            raise AssertionError("the CRD lets no Workspace without credentials pass")


def _version(secret: Mapping[str, Any] | None) -> str:
    metadata = (secret or {}).get("metadata", {})
    return f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}"
