"""Access to the cluster as kubectl has it: the kubeconfig's context, credentials and impersonation, or a pod's own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from sync_operator.errors import KubernetesError
from sync_operator.impersonation import impersonation_headers
from sync_operator.settings import kubernetes_service
from sync_operator.util.bounds import one_line
from sync_operator.util.redact import redact

__all__ = ["ClusterAccess", "context_names", "load_access"]

_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_MAX_MESSAGE_LENGTH: Final = 500
_AUTHORITIES: Final = ("idp-certificate-authority-data", "idp-certificate-authority")
_CREDENTIALS: Final = ("token", "tokenFile", "client-certificate", "client-certificate-data", "username")
"""Fields of a user that hold credentials themselves."""


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """How to reach the API server.

    Attributes:
        api: the official client, with its connections and credentials.
        namespace: of the context; ``default`` if it names none.
        origin: where the access comes from, for messages.
        headers: for user impersonation; a header may be there more than once.
    """

    api: Any
    namespace: str
    origin: str
    headers: tuple[tuple[str, str], ...] = ()


def load_access(files: tuple[Path, ...], context: str | None) -> ClusterAccess:
    """Load the access by a context.

    Args:
        files: the kubeconfigs; without any, a pod's service account is used.
        context: its name; None for the current one.

    Raises:
        KubernetesError: there is no such context, or its credentials cannot be had; says which.
    """
    if not files and kubernetes_service() is not None:
        return _of_the_pod()
    if not any(file.exists() for file in files):
        named = ", ".join(map(str, files)) or "~/.kube/config"
        raise _unusable(f"there is no kubeconfig ({named}): set KUBECONFIG or give --kubeconfig")
    official = _official()
    with _failures(f"kubeconfig {', '.join(map(str, files))}"):
        merger = official.KubeConfigMerger(":".join(map(str, files)))
        # kubectl takes the first file's; the official client would take the last one's.
        listed = (content.get("current-context") for content in merger.config_files.values())
        chosen = str(context or next((name for name in listed if name), ""))
        entries = {kind: _by_name(merger.config.value.get(f"{kind}s")) for kind in ("context", "user")}
    if not chosen:
        raise _unusable("the kubeconfig has no current-context: kubectl config use-context NAME, or give --context")
    if chosen not in entries["context"]:
        known = ", ".join(sorted(entries["context"])) or "none"
        raise _unusable(f"the kubeconfig has no context {chosen!r} (there are: {known})")
    with _failures(f"context {chosen!r} of the kubeconfig"):
        of_context = entries["context"][chosen].get("context") or {}
        user = (entries["user"].get(str(of_context.get("user"))) or {}).get("user") or {}
        return ClusterAccess(
            _client(merger, chosen, user),
            str(of_context.get("namespace") or "default"),
            f"context {chosen!r}",
            _impersonation(user),
        )


def context_names(files: tuple[Path, ...]) -> list[str]:
    """Names of the contexts.

    Raises:
        KubernetesError: the files cannot be used.
    """
    with _failures("the kubeconfig"):
        merger = _official().KubeConfigMerger(":".join(map(str, files)))
        return sorted(_by_name(merger.config.value.get("contexts")))


def _client(merger: Any, context: str, user: dict[str, Any]) -> Any:
    """The official client for a context; it swallows the errors of plugins, which are told here."""
    official = _official()
    provider: dict[str, Any] = (user.get("auth-provider") or {}).get("config") or {}
    verified = not provider or any(provider.get(name) for name in _AUTHORITIES)
    if not verified:  # the official client would not verify the issuer
        provider["idp-certificate-authority"] = import_module("certifi").where()
    configuration = official.Configuration()
    with _logged() as said:
        loader = official.KubeConfigLoader(
            config_dict=merger.config,
            active_context=context,
            config_base_path=None,  # paths are relative to the file that they are in
            config_persister=merger.save_changes if verified else None,
        )
        loader.load_and_set(configuration)
    asked = next((name for name in ("exec", "auth-provider") if user.get(name)), None)
    given = configuration.api_key.get("BearerToken") or configuration.cert_file
    if asked and not given and not any(user.get(name) for name in _CREDENTIALS):
        raise _unusable(
            f"context {context!r}: users[].user.{asked} gave no credentials: {'; '.join(said) or 'no word'}"
        )
    return official.ApiClient(configuration)


def _of_the_pod() -> ClusterAccess:
    official: Any = import_module("kubernetes.config.incluster_config")
    client: Any = import_module("kubernetes.client")
    configuration = client.Configuration()
    with _failures("the pod's service account"):
        official.load_incluster_config(client_configuration=configuration)
        namespace = _POD_NAMESPACE.read_text("utf-8").strip()
    return ClusterAccess(client.ApiClient(configuration), namespace or "default", "the pod's service account")


def _official() -> Any:
    """The module of the official client; its imports take 0.2 s."""
    return import_module("kubernetes.config.kube_config")


def _by_name(entries: Any) -> dict[str, Any]:
    """The entries of a merged list by their names; of several with one name the first counts."""
    plain = [getattr(entry, "value", entry) for entry in entries or ()]
    return {entry["name"]: entry for entry in reversed(plain)}


def _impersonation(user: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(impersonation_headers(user))
    except ValueError as error:
        raise _unusable(str(error)) from None


@contextmanager
def _failures(origin: str) -> Iterator[None]:
    """Tell what the official client raises for a kubeconfig that it cannot use."""
    try:
        yield
    except KubernetesError:
        raise
    except Exception as error:  # noqa: BLE001 (a wrong kubeconfig can make the client raise anything)
        words = one_line(redact(f"{type(error).__name__}: {error}"), _MAX_MESSAGE_LENGTH)
        raise _unusable(f"{origin} cannot be used: {words}") from None


@contextmanager
def _logged() -> Iterator[list[str]]:
    """What is logged meanwhile, instead of on the terminal."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(one_line(redact(record.getMessage()), _MAX_MESSAGE_LENGTH))  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(handler)


def _unusable(reason: str) -> KubernetesError:
    return KubernetesError(0, "NoAccess", reason)
