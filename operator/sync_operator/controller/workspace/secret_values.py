"""Reads the Secret values that are inserted into a Sync's ``configuration``."""

from collections.abc import Sequence

from sync_operator.api.constants import ALLOW_SYNC
from sync_operator.api.kinds.resource_ref import ConfigurationSecret
from sync_operator.domain.status.workspace_status import MissingSecretError, decode_secret
from sync_operator.kubernetes.kube_client import SECRETS, KubeClient

__all__ = ["read_secret_values"]


async def read_secret_values(
    kube: KubeClient, namespace: str, wanted: Sequence[ConfigurationSecret], *, require_label: bool = False
) -> dict[str, str]:
    """The values by JSON pointer. Each Secret is read once.

    Args:
        kube: client of the API server.
        namespace: namespace of the Sync.
        wanted: the Sync's Secret references.
        require_label: True if each Secret must have the label ``squared.ai/allow-sync: "true"``.

    Raises:
        MissingSecretError: a Secret, key or label is missing.
        KubernetesError: a Secret could not be read.
    """
    refs = [entry.secret_key_ref for entry in wanted]
    read = {name: await kube.get(SECRETS, namespace, name) for name in dict.fromkeys(ref.name for ref in refs)}
    for number, ref in enumerate(refs):
        secret = read[ref.name]
        if require_label and secret is not None and secret["metadata"].get("labels", {}).get(ALLOW_SYNC) != "true":
            raise MissingSecretError(
                f"spec.configurationSecrets[{number}].secretKeyRef.name",
                f'Secret {ref.name!r} has no label {ALLOW_SYNC}: "true", without which nothing of it is sent to a '
                f"server (chart value secrets.requireLabel); if it may be: kubectl label secret {ref.name} "
                f"-n {namespace} {ALLOW_SYNC}=true",
            )
    return {
        entry.pointer: decode_secret(
            read[entry.secret_key_ref.name],
            namespace=namespace,
            name=entry.secret_key_ref.name,
            key=entry.secret_key_ref.key,
            field=f"spec.configurationSecrets[{number}].secretKeyRef",
        )
        for number, entry in enumerate(wanted)
    }
