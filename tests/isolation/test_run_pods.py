"""What a tenant may have the operator do with its rights: pods, Secrets, connections; what nobody may read off it."""

import json
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from tests.isolation.conftest import Newcomer, Served
from tests.support.apart import running_with_rights
from tests.support.helm import Helm
from tests.support.plane import Plane
from tests.support.running import Controller, Sandbox, eventually, running_sandbox
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import ALLOW_SYNC, API_VERSION, SYNC_KIND, WORKSPACE_KIND

PROXY_PASSWORD: Final = "planted-pr0xy-passw0rd"
ROW: Final = ("Planted Person", "planted.person@customer.example")
REFUSED: Final = f"""ERROR: new row for relation "people" violates check constraint "adult"
DETAIL:  Failing row contains (7, {", ".join(ROW)}, null)."""
SECRET_VALUE: Final = "planted-value-of-another-secret"
PODS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "sidecar": ({"annotations": {"sidecar.istio.io/proxyImage": "evil"}}, "runPods.allowedAnnotationPrefixes"),
    "identity": ({"labels": {"azure.workload.identity/use": "true"}}, "runPods.allowedLabelPrefixes"),
    "account": ({"serviceAccountName": "cloud-admin"}, "runPods.allowedServiceAccounts"),
    "priority": ({"priorityClassName": "system-node-critical"}, "runPods.allowedPriorityClasses"),
    "toleration": ({"tolerations": [{"operator": "Exists"}]}, "runPods.allowControlPlane"),
    "node": ({"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}}, "runPods.allowControlPlane"),
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), "--run-seconds", "1") as running:
        yield running


@pytest.fixture(scope="module")
def controller(
    plane: Plane, helm: Helm, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controller]:
    """One that may speak to the sandbox and to nothing else of this machine, and that has a proxy with a password."""
    folder = tmp_path_factory.mktemp("controller")
    environment = {
        "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": urlsplit(sandbox.url).netloc,
        "SYNC_OPERATOR_REQUIRE_SECRET_LABEL": "true",
        "SYNC_OPERATOR_RUNNER_PROXY_SECRET": "sync-proxy",
        "HTTPS_PROXY": f"http://someone:{PROXY_PASSWORD}@127.0.0.1:9",
        "NO_PROXY": "*",
    }
    with running_with_rights(plane, helm, folder, **environment) as running:
        yield running


@pytest.fixture
def attacker(newcomer: Newcomer, sandbox: Sandbox, controller: Controller) -> Tenant:  # noqa: ARG001 - it runs
    tenant = newcomer(sandbox)
    tenant.connect()
    return tenant


@pytest.mark.timeout(300)
def test_no_pod_gets_an_identity_a_priority_or_a_sidecar_by_a_sync(
    attacker: Tenant, sandbox: Sandbox, assert_served: Served
) -> None:
    for name, (pod, _) in PODS.items():
        attacker.sync(name, streamName=f"attack-{name}", run={"pod": pod})
    for name, (_, value) in PODS.items():
        stalled = attacker.when(SYNC_KIND, name, "Ready", "False", "InvalidSpec")
        assert condition(stalled)["message"].startswith("spec.run.pod.")
        assert value in condition(stalled)["message"]
    assert_served()
    assert attacker.cronjobs() == []
    assert "attack-" not in json.dumps(sandbox.syncs())

    attacker.ready("later")
    before = attacker.cronjob("later")["spec"]["jobTemplate"]
    attacker.patch("later", run={"pod": PODS["sidecar"][0]})
    attacker.when(SYNC_KIND, "later", "Ready", "False", "InvalidSpec")
    assert attacker.cronjob("later")["spec"]["jobTemplate"] == before


@pytest.mark.timeout(300)
def test_a_secret_that_is_not_given_free_is_sent_nowhere(
    attacker: Tenant, sandbox: Sandbox, assert_served: Served
) -> None:
    attacker.secret(SECRET_VALUE, "database", "password")
    mapping = [{"from": "id", "to": "external_id", "mapping_type": "standard", "embedding_config": {}}]
    pointer = "/0/embedding_config/api_key"
    reference = {"pointer": pointer, "secretKeyRef": {"name": "database", "key": "password"}}
    attacker.sync("steal", streamName="steal", configuration=mapping, configurationSecrets=[reference])

    refused = attacker.when(SYNC_KIND, "steal", "Ready", "False", "InvalidSpec")

    assert f'{ALLOW_SYNC}: "true"' in condition(refused)["message"]
    assert_served()
    assert SECRET_VALUE not in json.dumps([sandbox.requests(), sandbox.syncs()])

    label = {"metadata": {"labels": {ALLOW_SYNC: "true"}}}
    attacker.kube.resource("Secret", "v1").patch(
        body=label, name="database", namespace=attacker.namespace, content_type="application/merge-patch+json"
    )
    attacker.when(SYNC_KIND, "steal", "Ready")
    assert SECRET_VALUE in json.dumps(sandbox.syncs())


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """Something on loopback that is no sync server; notes who connects."""
    connected: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                connected.append(str(address))
                with connection:
                    connection.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 23\r\n\r\n{"message": "internal"}')

        Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], connected
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.timeout(300)
def test_the_operator_connects_to_nothing_of_its_own_machine_for_a_tenant(
    attacker: Tenant, plane: Plane, assert_served: Served
) -> None:
    with listening() as (port, connected):
        urls = [
            *(f"https://{host}:{port}" for host in ("127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::1]")),  # noqa: S104
            *(f"https://{host}:{port}" for host in ("[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "2130706433")),
            f"http://127.0.0.1:{port}/api/../secret",
            server_of(plane),
        ]
        for number, url in enumerate(urls):
            attacker.kube.create(workspace(f"w{number}", url), attacker.namespace)
        for number, url in enumerate(urls):
            refused = attacker.when(WORKSPACE_KIND, f"w{number}", "Ready", "False")
            message = condition(refused)["message"]
            assert "SYNC_OPERATOR_ALLOW_IN" in message, (url, message)
            assert "internal" not in message.replace("ALLOW_INTERNAL_HOSTS", "")
        assert_served()
        assert connected == []


def server_of(plane: Plane) -> str:
    text = plane.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}").stdout
    assert text.startswith("https://")
    return text


def workspace(name: str, url: str) -> dict[str, Any]:
    spec = {"url": url, "auth": {"tokenSecretRef": {"name": "token"}}}
    return {"apiVersion": API_VERSION, "kind": WORKSPACE_KIND, "metadata": {"name": name}, "spec": spec}


@pytest.mark.timeout(300)
def test_a_proxys_password_is_found_nowhere(
    attacker: Tenant, plane: Plane, controller: Controller, assert_served: Served
) -> None:
    attacker.secret("http://proxy.example:3128", "sync-proxy", "HTTPS_PROXY")
    attacker.ready("orders")
    attacker.request_run("once")
    assert attacker.ran("Request", seconds=60)["status"]["lastRun"]["status"] == "success"
    assert_served()

    shown = plane.kubectl("get", "cronjobs,jobs,pods,events,syncs,workspaces", "-A", "-o", "yaml").stdout
    log = controller.log.read_text()
    for text in (PROXY_PASSWORD, b64encode(f"someone:{PROXY_PASSWORD}".encode()).decode()):
        assert text not in shown
        assert text not in log
    [container] = attacker.cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    proxies = {entry["name"]: entry for entry in container["env"] if entry["name"].endswith("_PROXY")}
    assert {name: entry["valueFrom"]["secretKeyRef"]["name"] for name, entry in proxies.items()} == dict.fromkeys(
        ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"), "sync-proxy"
    )


@pytest.mark.timeout(300)
def test_the_rows_of_customers_are_found_nowhere(
    attacker: Tenant, plane: Plane, controller: Controller, assert_served: Served
) -> None:
    attacker.secret("http://proxy.example:3128", "sync-proxy", "HTTPS_PROXY")
    attacker.ready("orders")
    attacker.sandbox.outcome(seconds=1, failed_rows=11, reason=REFUSED)
    attacker.request_run("once")
    last = attacker.ran("Request", seconds=60)["status"]["lastRun"]
    assert last["rows"]["failed"] == 11
    eventually(lambda: "RowsRejected" in attacker.events(), "the event")
    assert_served()

    log = plane.kubectl("-n", attacker.namespace, "logs", f"job/{last['job']}").stdout
    shown = plane.kubectl("get", "cronjobs,jobs,pods,events,syncs", "-n", attacker.namespace, "-o", "yaml").stdout
    assert "violates check constraint" in shown, "the reason itself is told"
    for text in (*ROW, "person1@example.com"):
        assert text not in shown
        assert text not in log
        assert text not in controller.log.read_text()
