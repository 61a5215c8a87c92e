"""What a pod of another namespace learns of a tenant's token."""

import json
from typing import Any

from tests.support import planted
from tests.support.plane import Kube
from tests.support.release import Release
from tests.support.restricted import new_namespace, run_code
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import WORKSPACE_KIND

_LOOK = """
import json, pathlib, ssl, sys, urllib.error, urllib.request
account = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
headers = {"Authorization": "Bearer " + (account / "token").read_text()}
trust = ssl.create_default_context(cafile=account / "ca.crt")
trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
answers = {}
for url in sys.argv[1:]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10, context=trust) as answer:
            answers[url] = [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as refusal:
        answers[url] = [refusal.code, refusal.read().decode()]
    except OSError as error:
        answers[url] = [0, str(error)]
print(json.dumps(answers))
"""


def test_a_pod_of_another_namespace_cannot_read_a_token(release: Release, tenant: Tenant, kube: Kube) -> None:
    tenant.ready()
    tenant.request_run("one")
    tenant.ran("Request", seconds=90)
    [pod] = tenant.pods()
    [controller] = release.pods()
    mine, theirs = new_namespace(kube, "neighbour"), tenant.namespace
    address, kubelet = controller["status"]["podIP"], "https://10.89.0.1:10250"
    core = f"https://kubernetes.default.svc/api/v1/namespaces/{theirs}"
    refused = [
        f"{core}/secrets",
        f"{core}/secrets/token",
        f"{core}/pods",
        f"{core}/pods/{pod['metadata']['name']}/log",
        f"{core}/events",
        f"https://kubernetes.default.svc/apis/batch/v1/namespaces/{theirs}/cronjobs",
        f"https://kubernetes.default.svc/apis/squared.ai/v1/namespaces/{theirs}/workspaces",
        f"https://kubernetes.default.svc/apis/squared.ai/v1/namespaces/{theirs}/syncs",
        "https://kubernetes.default.svc/apis/squared.ai/v1/syncs",
        f"{kubelet}/pods",
        f"{kubelet}/containerLogs/{theirs}/{pod['metadata']['name']}/runner",
    ]
    open_to_all = [f"http://{address}:8080/metrics", f"http://{address}:8081/healthz", f"http://{address}:8081/readyz"]

    said = run_code(kube, mine, _LOOK, *refused, *open_to_all)

    answers: dict[str, Any] = json.loads(said)
    assert {url: answers[url] for url in refused if answers[url][0] not in {401, 403}} == {}
    assert {url: answers[url] for url in open_to_all if answers[url][0] != 200} == {}
    assert planted.found([("what it was told", said)]) == []
    kube.core.delete_namespace(mine)


def test_a_workspace_finds_no_secret_of_another_namespace(tenant: Tenant, kube: Kube) -> None:
    mine = new_namespace(kube, "neighbour")
    neighbour = Tenant(kube, mine, tenant.sandbox)
    theirs = tenant.kube.get(WORKSPACE_KIND, "default", tenant.namespace)["spec"]
    tenant.sandbox.forget_requests()

    neighbour.workspace(url=theirs["url"])

    waiting = neighbour.when(WORKSPACE_KIND, "default", "Ready", "False", seconds=60)
    assert "Secret" in condition(waiting)["message"]
    assert tenant.sandbox.requests() == []
    kube.core.delete_namespace(mine)
