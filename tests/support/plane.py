"""The local control plane (`cluster/`) for tests: built once, started once, looked at with the official client."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from sync_operator.api.constants import API_VERSION, SYNC_PLURAL
from sync_operator.api.crd.crd_manifests import KINDS

__all__ = ["IMAGE", "ROOT", "Kube", "Plane", "Refusal", "build_plane", "running_plane"]

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGE: Final = "sync-operator:test"
"""Image name by which the plane's node agent runs this checkout's `sync-operator`."""
_MERGE: Final = "application/merge-patch+json"
_STRICT: Final = [("fieldValidation", "Strict")]


@dataclass(frozen=True, slots=True)
class Plane:
    """A running control plane."""

    binary: Path
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.jsonl"

    def operator_writes(self, since: int, namespace: str = "") -> list[dict[str, Any]]:
        """Writes of the operator to the API server, by its user agent, from that byte of the audit log on.

        Args:
            since: the length that the log had.
            namespace: of the objects; empty for all.
        """
        entries = [json.loads(line) for line in self.audit_log.read_bytes()[since:].splitlines()]
        return [
            entry
            for entry in entries
            if entry.get("userAgent", "").startswith("sync-operator/")
            and entry["verb"] not in {"get", "list", "watch"}
            and namespace in {"", entry["objectRef"].get("namespace")}
        ]

    def kubectl(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl against it, as a person would."""
        return subprocess.run(
            [self.binary, "kubectl", *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )


class Refusal(Exception):  # noqa: N818 - what a test expects is no error
    """What the API server said when it refused an object.

    Attributes:
        fields: the fields it named; empty where it names them in the message only.
    """

    def __init__(self, status: int, message: str, fields: tuple[str, ...]) -> None:
        self.status = status
        self.message = message
        self.fields = fields
        super().__init__(message)


class Kube:
    """The cluster through the official client; objects are plain dictionaries."""

    def __init__(self, kubeconfig: Path) -> None:
        self._api: client.ApiClient = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]

    @cached_property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self._api)

    @cached_property
    def batch(self) -> client.BatchV1Api:
        return client.BatchV1Api(self._api)

    @cached_property
    def dynamic(self) -> DynamicClient:
        return DynamicClient(self._api)  # type: ignore[no-untyped-call]

    def resource(self, kind: str, api_version: str = API_VERSION) -> Any:
        """The dynamic client's handle of a kind."""
        return self.dynamic.resources.get(api_version=api_version, kind=kind)

    def create(self, manifest: Mapping[str, Any], namespace: str, *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object with strict field validation.

        Raises:
            Refusal: when the API server does not take it.
        """
        query = [*_STRICT, ("dryRun", "All")] if dry_run else _STRICT
        with _refusals():
            found = self.resource(manifest["kind"], manifest["apiVersion"]).create(
                body=dict(manifest), namespace=namespace, query_params=list(query)
            )
        return dict(found.to_dict())

    def drop_namespace(self, name: str) -> None:
        """Delete a namespace, and let go of the Syncs in it: their server is gone with the test.

        Kubernetes lists and deletes all kinds there are in a namespace that something holds, every few seconds. Dozens
        of them would keep a core busy until the control plane ends.
        """
        self.core.delete_namespace(name)
        syncs = f"/apis/{API_VERSION}/namespaces/{name}/{SYNC_PLURAL}"
        self._metadata("DELETE", syncs)
        for sync in self._metadata("GET", syncs).get("items") or ():
            self._metadata("PATCH", f"{syncs}/{sync['metadata']['name']}", {"metadata": {"finalizers": None}})

    def _metadata(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A call that brings the metadata of objects alone, however large they are; nothing where there is none."""
        kinds = (
            f"application/json;as={kind};v=v1;g=meta.k8s.io"
            for kind in ("PartialObjectMetadataList", "PartialObjectMetadata")
        )
        answer = self._send(method, path, {"Accept": ",".join(kinds), "Content-Type": _MERGE}, body)
        return dict(json.loads(answer.data)) if answer.status == HTTPStatus.OK else {}

    def _send(self, method: str, path: str, headers: dict[str, str], body: Any, query: Any = ()) -> Any:
        """An answer as it comes, whatever its status."""
        request = self._api.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        answer: Any = self._api.call_api(*request)
        answer.read()
        return answer

    def dry_run(self, text: str, kind: str, namespace: str) -> dict[str, Any]:
        """What would become of a manifest as it is written, YAML or JSON; strict, as `kubectl` asks for it.

        Raises:
            Refusal: when the API server does not take it.
        """
        form = "json" if text.startswith("{") else "yaml"
        with _refusals():
            answer = self._send(
                "POST",
                f"/apis/{API_VERSION}/namespaces/{namespace}/{kind.lower()}s",
                {"Content-Type": f"application/{form}", "Accept": "application/json"},
                json.loads(text) if form == "json" else text,  # the client writes JSON by itself, in plain ASCII
                [*_STRICT, ("dryRun", "All")],
            )
            if answer.status != HTTPStatus.CREATED:
                raise DynamicApiError(client.ApiException(http_resp=answer))  # type: ignore[no-untyped-call]
        return dict(json.loads(answer.data))

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        return dict(self.resource(kind).get(name=name, namespace=namespace).to_dict())

    def patch(self, kind: str, name: str, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Merge a change into an object with strict field validation.

        Raises:
            Refusal: when the API server does not take it.
        """
        with _refusals():
            found = self.resource(kind).patch(
                name=name, namespace=namespace, body=dict(body), content_type=_MERGE, query_params=list(_STRICT)
            )
        return dict(found.to_dict())

    def patch_status(self, kind: str, name: str, namespace: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Merge a change into an object's status, as a controller does.

        Raises:
            Refusal: when the API server does not take it.
        """
        with _refusals():
            found = self.resource(kind).status.patch(
                name=name,
                namespace=namespace,
                body={"status": dict(status)},
                content_type=_MERGE,
                query_params=list(_STRICT),
            )
        return dict(found.to_dict())

    def close(self) -> None:
        self._api.close()  # type: ignore[no-untyped-call]


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except DynamicApiError as error:
        said = json.loads(error.body or "{}")
        causes = said.get("details", {}).get("causes", ())
        fields = tuple(cause["field"] for cause in causes if "field" in cause)
        raise Refusal(error.status, said.get("message", ""), fields) from error


def build_plane() -> Path:
    """The binary of the control plane; takes minutes where it was never built on this machine."""
    done = subprocess.run([ROOT / "cluster" / "build"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1])


@contextmanager
def running_plane(binary: Path, folder: Path, *, bare: bool = False, audited: bool = True) -> Iterator[Plane]:
    """Start a control plane, with our CRDs unless it is to be ``bare``, and stop it in the end.

    Args:
        audited: False for one that keeps no audit log, which slows each request.
    """
    plane = Plane(binary, folder)
    program = Path(sys.executable).with_name("sync-operator")
    command: list[str | Path] = [binary, "up", "--dir", folder, "--image", f"{IMAGE}={program}"]
    if audited:
        command += ["--audit-log", plane.audit_log]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if not any(line.startswith("ready ") for line in process.stdout):
                raise RuntimeError(f"the control plane did not start; its logs are in {folder / 'logs'}")
            if not bare:
                _install_crds(plane)
            yield plane
        finally:
            process.send_signal(signal.SIGTERM)


def _install_crds(plane: Plane) -> None:
    applied = plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    assert applied.returncode == 0, applied.stderr
    established = plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    assert established.returncode == 0, established.stderr
    # What `kubectl explain` reads is published a moment later.
    deadline = time.monotonic() + 30
    while any(plane.kubectl("explain", kind).returncode for kind in KINDS):
        assert time.monotonic() < deadline, "the API server did not publish the CRDs' schemas"
        time.sleep(0.2)
