"""Reads the values of Secrets and ConfigMaps that are inserted into the body of a request."""

from collections.abc import Iterable, Sequence

from sync_operator.api.constants import ALLOW_SYNC
from sync_operator.api.kinds.resource_ref import ConfigurationSecret
from sync_operator.domain.registration.resource_kind import ConfigMapText
from sync_operator.domain.status.workspace_status import MissingSecretError, decode_secret
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import CONFIG_MAPS, SECRETS

__all__ = ["read_secret_values", "read_values"]


async def read_values(
    kube: KubeClient,
    namespace: str,
    wanted: Iterable[ConfigurationSecret | ConfigMapText],
    *,
    require_label: bool = False,
) -> dict[str, str]:
    """The values of Secrets, as `read_secret_values`, and the texts in ConfigMaps, by their names in the snapshot.

    Raises:
        MissingSecretError: a Secret, ConfigMap, key or label is missing.
        KubernetesError: one of them could not be read.
    """
    secrets, texts = list[ConfigurationSecret](), list[ConfigMapText]()
    for entry in wanted:
        if isinstance(entry, ConfigMapText):
            texts.append(entry)
        else:
            secrets.append(entry)
    values = await read_secret_values(kube, namespace, secrets, require_label=require_label)
    for text in texts:
        found = await kube.get(CONFIG_MAPS, namespace, text.name)
        if found is None:
            words = f"there is no ConfigMap {text.name!r} in namespace {namespace!r}; create it, and this goes on"
            raise MissingSecretError(f"{text.field}.name", words)
        value = (found.get("data") or {}).get(text.key)
        if not isinstance(value, str):
            words = f"ConfigMap {text.name!r} has no key {text.key!r}; add it, or name another one"
            raise MissingSecretError(f"{text.field}.key", words)
        values[text.pointer] = value
    return values


async def read_secret_values(
    kube: KubeClient, namespace: str, wanted: Sequence[ConfigurationSecret], *, require_label: bool = False
) -> dict[str, str]:
    """The values by JSON pointer. Each Secret is read once.

    Args:
        kube: client of the API server.
        namespace: namespace of the resource.
        wanted: its Secret references.
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
