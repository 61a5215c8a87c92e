"""The Secret `NAME-token` of a login Workspace: mounted by run pods, and read by a restarted controller."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sync_operator.api.constants import (
    API_VERSION,
    LOGGED_IN_AT_ANNOTATION,
    LOGIN_REFUSED_ANNOTATION,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SESSION_OF_ANNOTATION,
    WORKSPACE_KIND,
)
from sync_operator.domain.scheduling.cronjob_manifest import hashed_name
from sync_operator.errors import ConflictError, KubernetesError
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import SECRETS
from sync_operator.syncapi.auth.login import Token, token_ttl

__all__ = ["KEY", "TokenSecret", "token_secret_name"]

KEY: Final = "token"
_SUFFIX: Final = "-token"
_NAME_LIMIT: Final = 253


def token_secret_name(workspace: str) -> str:
    """Name of the token Secret of a Workspace."""
    return hashed_name(workspace, _NAME_LIMIT - len(_SUFFIX)) + _SUFFIX


class TokenSecret:
    """The token Secret of one Workspace.

    Args:
        workspace: the Workspace, which owns the Secret.
        found: the Secret as the API server returned it, or None if there is none.

    Raises:
        ConflictError: there is a Secret of that name that this Workspace does not own.
    """

    def __init__(self, workspace: Mapping[str, Any], found: Mapping[str, Any] | None) -> None:
        metadata = workspace["metadata"]
        self.namespace: str = metadata["namespace"]
        self.name = token_secret_name(metadata["name"])
        self._workspace: str = metadata["name"]
        self._uid: str = metadata["uid"]
        self._found = found
        owners = found["metadata"].get("ownerReferences", ()) if found else ()
        if found is not None and not any(owner.get("uid") == self._uid for owner in owners):
            raise ConflictError(
                f"metadata.name: a Secret {self.name!r} that does not belong to this Workspace is in the way of the "
                "one for its token; delete or rename it"
            )

    def token(self, session_of: str, now: datetime) -> Token | None:
        """The token in the Secret, or None if there is none or it belongs to another login session."""
        value = self._value()
        if not value or self._annotation(SESSION_OF_ANNOTATION) != session_of:
            return None
        try:
            issued_at = datetime.fromisoformat(self._annotation(LOGGED_IN_AT_ANNOTATION))
        except ValueError:
            issued_at = now
        issued_at = min(issued_at, now) if issued_at.tzinfo else now
        return Token(value, issued_at, token_ttl(value, issued_at))

    @property
    def refused_version(self) -> str:
        """Version of the login Secret whose credentials the server rejected; empty if it rejected none."""
        return self._annotation(LOGIN_REFUSED_ANNOTATION)

    async def write(self, kube: KubeClient, *, session_of: str, token: Token | None, refused_version: str) -> None:
        """Create or update the Secret, unless it is up to date.

        Args:
            kube: client of the cluster.
            session_of: key of the login session that the token belongs to.
            token: token to store; None leaves the stored one.
            refused_version: new value of `refused_version`; the empty string removes the annotation.

        Raises:
            ConflictError: a Secret of that name was created in the meantime.
            KubernetesError: the API server refused the write or did not respond.
        """
        annotations: dict[str, str | None] = {LOGIN_REFUSED_ANNOTATION: refused_version or None}
        if token is not None:
            issued_at = token.issued_at.isoformat(timespec="seconds")
            annotations |= {SESSION_OF_ANNOTATION: session_of, LOGGED_IN_AT_ANNOTATION: issued_at}
        current = token is None or token.value == self._value()
        if current and all(self._annotation(name) == (value or "") for name, value in annotations.items()):
            return
        data = {KEY: b64encode(token.value.encode()).decode("ascii")} if token else {}
        try:
            if self._found is None:
                await self._create(kube, {name: value for name, value in annotations.items() if value}, data)
            else:
                version = self._found["metadata"]["resourceVersion"]
                patch = {"metadata": {"resourceVersion": version, "annotations": annotations}, "data": data}
                await kube.merge_patch(SECRETS, self.namespace, self.name, patch)
        except KubernetesError as error:
            if error.status != 403:  # noqa: PLR2004 (HTTP: forbidden)
                raise
            hint = "a Workspace with loginSecretRef needs an operator that may write Secrets (loginWorkspaces.enabled)"
            raise KubernetesError(error.status, error.reason, f"{error}; {hint}") from error

    async def _create(self, kube: KubeClient, annotations: Mapping[str, str], data: Mapping[str, str]) -> None:
        owner = {"apiVersion": API_VERSION, "kind": WORKSPACE_KIND, "name": self._workspace, "uid": self._uid}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {MANAGED_BY_LABEL: MANAGED_BY},
                "annotations": annotations,
                "ownerReferences": [{**owner, "controller": True}],
            },
            "data": data,
        }
        if await kube.create(SECRETS, self.namespace, body) is None:
            raise ConflictError(f"metadata.name: a Secret {self.name!r} was made while this Workspace made its own")

    def _annotation(self, name: str) -> str:
        found: str = (self._found or {}).get("metadata", {}).get("annotations", {}).get(name, "")
        return found

    def _value(self) -> str:
        held = ((self._found or {}).get("data") or {}).get(KEY, "")
        try:
            return b64decode(held, validate=True).decode("ascii")
        except ValueError:
            return ""
