"""Reads kubeconfigs as kubectl does: several files, paths relative to each file, and every kind of credentials.

Plugins (``exec``) and providers (``auth-provider``) are left to the official client (`exec_credentials`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import kopf
import yaml

from sync_operator.errors import KubernetesError
from sync_operator.impersonation import impersonation_headers

__all__ = ["KubeconfigAccess", "read_kubeconfig"]

_KINDS: Final = ("clusters", "users", "contexts")
_FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_PROXIES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class KubeconfigAccess:
    """Access to the API server by the current context of a kubeconfig.

    Attributes:
        info: server and static credentials.
        folder: folder of the file with the user's entry.
        token_file: file with a token that may be rotated.
        server_name: name in the server's certificate, if it differs from that of the URL.
        impersonate: headers for user impersonation.
        user: the user's whole entry; ``exec`` and ``auth-provider`` are used by `exec_credentials`.
        cluster: the cluster's whole entry.
    """

    info: kopf.ConnectionInfo
    folder: Path
    token_file: Path | None = None
    server_name: str | None = None
    impersonate: tuple[tuple[str, str], ...] = ()
    user: Mapping[str, Any] = field(default_factory=dict)
    cluster: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_renewable(self) -> bool:
        """True if the credentials are temporary, from a plugin or a provider."""
        return "exec" in self.user or "auth-provider" in self.user


def read_kubeconfig(paths: Iterable[Path]) -> KubeconfigAccess:
    """Read the current context of these files; of several entries with one name the first counts, as for kubectl.

    Raises:
        KubernetesError: there is no current context, or it cannot be used; names the field.
        OSError: a file cannot be read.
        yaml.YAMLError: a file is not YAML.
    """
    listed = tuple(paths)
    found = [path for path in listed if path.exists()]
    if not found:
        raise _unusable(f"none of its files exists ({', '.join(map(str, listed))}: No such file or directory)")
    merged: dict[str, dict[str, tuple[dict[str, Any], Path]]] = {kind: {} for kind in _KINDS}
    current = ""
    for path in found:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if not isinstance(content, dict):
            raise _unusable(f"{path} is not a kubeconfig")
        current = current or content.get("current-context") or ""
        for kind in _KINDS:
            for entry in content.get(kind) or ():
                value = _absolute(entry.get(kind.removesuffix("s")) or {}, path.absolute().parent)
                merged[kind].setdefault(entry["name"], (value, path.absolute().parent))
    if not current:
        raise _unusable("current-context is not set: kubectl config use-context NAME")
    context, _ = _entry(merged, "contexts", current, "current-context")
    cluster, _ = _entry(merged, "clusters", context.get("cluster"), f"contexts[{current}].context.cluster")
    user: dict[str, Any] = {}
    folder = found[0].absolute().parent
    if context.get("user"):
        user, folder = _entry(merged, "users", context["user"], f"contexts[{current}].context.user")
    return _access(context, cluster, user, folder)


def _access(
    context: Mapping[str, Any], cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path
) -> KubeconfigAccess:
    if not cluster.get("server"):
        raise _unusable(f"clusters[{context['cluster']}].cluster.server is not set")
    proxy, server_name = cluster.get("proxy-url"), cluster.get("tls-server-name")
    if proxy and urlsplit(proxy).scheme not in _PROXIES:
        raise _unusable("clusters[].cluster.proxy-url: only http:// and https:// proxies are supported")
    if proxy and server_name:
        raise _unusable("clusters[].cluster.tls-server-name is not supported together with proxy-url")
    token_file = user.get("tokenFile")
    info = kopf.ConnectionInfo(
        server=cluster["server"],
        insecure=cluster.get("insecure-skip-tls-verify"),
        username=user.get("username"),
        password=user.get("password"),
        token=None if token_file else user.get("token"),
        default_namespace=context.get("namespace"),
        proxy_url=proxy,
        trust_env=kopf.OperatorSettings().networking.trust_env,
        **_data_or_path(cluster, "certificate-authority", "ca"),
        **_data_or_path(user, "client-certificate", "certificate"),
        **_data_or_path(user, "client-key", "private_key"),
    )
    return KubeconfigAccess(
        info=info,
        folder=folder,
        token_file=Path(token_file) if token_file else None,
        server_name=server_name,
        impersonate=_impersonation(user),
        user=user,
        cluster=cluster,
    )


def _data_or_path(entry: Mapping[str, Any], field_name: str, name: str) -> dict[str, Any]:
    """Inline data (``NAME-data``), which take precedence over the path of a file."""
    if entry.get(f"{field_name}-data"):
        return {f"{name}_data": entry[f"{field_name}-data"]}
    return {f"{name}_path": entry.get(field_name)}


def _impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(impersonation_headers(user))
    except ValueError as error:
        raise _unusable(str(error)) from None


def _entry(
    merged: Mapping[str, Mapping[str, tuple[dict[str, Any], Path]]], kind: str, name: object, where: str
) -> tuple[dict[str, Any], Path]:
    found = merged[kind].get(cast("str", name))
    if found is None:
        raise _unusable(f"{where} names {name!r}, which is not in {kind} (KeyError)")
    return found


def _absolute(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The entry with file paths made absolute; relative ones are relative to the kubeconfig."""
    return {name: str(folder / value) if name in _FILES and value else value for name, value in entry.items()}


def _unusable(reason: str) -> KubernetesError:
    return KubernetesError(0, "NoCredentials", f"the kubeconfig cannot be used: {reason}; check KUBECONFIG")
