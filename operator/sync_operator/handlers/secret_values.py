"""The values of Secrets that belong into a Sync's ``configuration``."""

from collections.abc import Sequence

from sync_operator.cluster.kube import SECRETS, Kube
from sync_operator.decide.workspace import decode_secret
from sync_operator.model.sync import ConfigurationSecret

__all__ = ["read_secret_values"]


async def read_secret_values(kube: Kube, namespace: str, wanted: Sequence[ConfigurationSecret]) -> dict[str, str]:
    """The values by JSON pointer. Each Secret is read once.

    Raises:
        InvalidSpecError: a Secret or key is not there (yet).
        KubernetesError: it could not be read.
    """
    refs = [entry.secret_key_ref for entry in wanted]
    read = {name: await kube.get(SECRETS, namespace, name) for name in dict.fromkeys(ref.name for ref in refs)}
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
