"""Every way to log in that a kubeconfig may name, at a real API server: who the operator is there."""

import base64
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.support.issuer import CLIENT, Issuer, running_issuer
from tests.support.loopback_https import AUTHORITY
from tests.support.plane import Plane

from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.auth.cluster_auth import open_session
from sync_operator.kubernetes.kube_client import KubeClient
from sync_operator.kubernetes.resources import NAMESPACES

REVIEW: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ACCOUNT: Final = "system:serviceaccount:default:default"
NOBODY_LISTENS: Final = "http://127.0.0.1:9"
PLUGIN: Final = """#!/bin/sh
cd "$(dirname "$0")" && echo call >> calls && cat "answer-$(wc -l < calls | tr -d ' ')" 2> /dev/null || cat answer
"""


class Config:
    """A kubeconfig, in a folder of its own, that is changed from the administrator's."""

    def __init__(self, plane: Plane, folder: Path) -> None:
        self.folder = folder
        self.content = yaml.safe_load(plane.kubeconfig.read_text())
        self.token = plane.kubectl("create", "token", "default", "-n", "default").stdout.strip()

    @property
    def user(self) -> dict[str, Any]:
        user: dict[str, Any] = self.content["users"][0]["user"]
        return user

    @property
    def cluster(self) -> dict[str, Any]:
        cluster: dict[str, Any] = self.content["clusters"][0]["cluster"]
        return cluster

    def logs_in(self, **user: Any) -> None:
        """Have the user log in so, and no other way."""
        self.content["users"][0]["user"] = user

    def runs(self, *answers: Mapping[str, Any]) -> None:
        """Have the user log in by a plugin that gives these answers, the last one for ever."""
        for number, status in enumerate(answers, start=1):
            told = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
            for name in (f"answer-{number}", "answer"):
                (self.folder / name).write_text(json.dumps(told))
        plugin = self.folder / "plugin"
        plugin.write_text(PLUGIN)
        plugin.chmod(stat.S_IRWXU)
        form = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
        self.logs_in(exec={"command": "./plugin", **form})

    @property
    def calls(self) -> int:
        return len((self.folder / "calls").read_text().splitlines())

    def write(self, name: str = "kubeconfig") -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(self.content))
        return path

    async def who(self, times: int = 1) -> str:
        """Who the API server takes us for, asked so many times in one session.

        Raises:
            KubernetesError: it refuses us, or there is no answer.
        """
        session = open_session()
        name = ""
        try:
            for _ in range(times):
                await KubeClient(session).get(NAMESPACES, None, "default")
                async with session.http.post(session.server + REVIEW, json={"kind": "SelfSubjectReview"}) as answer:
                    name = (await answer.json())["status"]["userInfo"]["username"]
        finally:
            await session.kopf.close()
            await session.http.close()
        return name


@pytest.fixture
def config(plane: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    rights = ("create", "clusterrolebinding", "kubeconfigs", "--clusterrole=view", "--serviceaccount=default:default")
    plane.kubectl(*rights)
    yield Config(plane, tmp_path)
    plane.kubectl("delete", "clusterrolebinding", "kubeconfigs")


async def test_a_plugin_is_asked_again_when_its_token_is_refused(config: Config) -> None:
    config.runs({"token": "wrong"}, {"token": config.token})
    config.write()

    assert await config.who(times=3) == ACCOUNT
    assert config.calls == 2


async def test_a_plugin_is_asked_again_when_its_token_ends(config: Config) -> None:
    soon, late = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    config.runs(
        {"token": config.token, "expirationTimestamp": soon}, {"token": config.token, "expirationTimestamp": late}
    )
    config.write()

    assert await config.who(times=3) == ACCOUNT
    assert config.calls == 2


async def test_a_plugin_may_give_a_client_certificate(config: Config, plane: Plane) -> None:
    pair = plane.folder / "certs" / "kubelet-client"
    certificate, key = (pair.with_suffix(suffix).read_text() for suffix in (".crt", ".key"))
    config.runs({"clientCertificateData": certificate, "clientKeyData": key})
    config.write()

    assert await config.who(times=2) == "kube-apiserver-kubelet-client"
    assert config.calls == 1

    config.runs({"clientCertificateData": certificate, "clientKeyData": "none"})
    with pytest.raises(KubernetesError, match="client certificate cannot be used"):
        await config.who()


async def test_a_plugin_that_fails_is_told(config: Config) -> None:
    config.runs({"token": "unused"})
    (config.folder / "plugin").write_text("#!/bin/sh\necho 'run: cloud login' >&2; exit 3\n")
    config.write()

    with pytest.raises(KubernetesError, match=r"users\[\]\.user\.exec .*returned 3.*run: cloud login"):
        await config.who()


def web_token(seconds: float) -> str:
    """An id-token that ends so many seconds from now; nobody has signed it."""
    claims = json.dumps({"iss": "https://127.0.0.1", "exp": int(time.time() + seconds)})
    head, payload = (
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in ('{"alg":"RS256"}', claims)
    )
    return f"{head}.{payload}.unsigned"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


def oidc(issuer: Issuer, **changes: str) -> dict[str, Any]:
    """A user as `kubectl config set-credentials --auth-provider=oidc` writes it; its token has ended."""
    config = {
        "idp-issuer-url": issuer.url,
        "client-id": CLIENT[0],
        "client-secret": CLIENT[1],
        "id-token": web_token(-60),
        "refresh-token": "first",
        "idp-certificate-authority": str(AUTHORITY),
    }
    return {"auth-provider": {"name": "oidc", "config": config | changes}}


async def test_a_token_that_ends_is_renewed_at_its_issuer_each_time(config: Config, issuer: Issuer) -> None:
    """A refresh token is good for once, and the first new id-token is one that this API server does not take."""
    issuer.gives = [web_token(20), config.token]
    config.logs_in(**oidc(issuer))
    config.write()

    assert await config.who(times=3) == ACCOUNT
    assert issuer.spent == ["first", "after-1"]


async def test_an_issuer_that_gives_nothing_new_is_told(config: Config, issuer: Issuer) -> None:
    issuer.gives = [web_token(-1)] * 9
    config.logs_in(**oidc(issuer))
    config.write()

    with pytest.raises(KubernetesError, match=r"the id-token ended at .* and its issuer gave no new one: log in again"):
        await config.who()


async def test_an_issuer_that_nobody_vouches_for_is_told_nothing(config: Config, issuer: Issuer) -> None:
    config.logs_in(**oidc(issuer, **{"idp-certificate-authority": ""}))
    config.write()

    with pytest.raises(KubernetesError, match=r"auth-provider failed: .*certificate verify failed"):
        await config.who()
    assert issuer.asked == []


async def test_files_are_merged_and_missing_ones_passed_over(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token's file is named relative to its kubeconfig, and read again when it changes."""
    user = config.content.pop("users")[0] | {"user": {"tokenFile": "secrets/token"}}
    config.write("clusters")
    (config.folder / "elsewhere" / "secrets").mkdir(parents=True)
    (config.folder / "elsewhere" / "secrets" / "token").write_text(f"{config.token}\n")
    users = config.folder / "elsewhere" / "users"
    users.write_text(yaml.safe_dump({"users": [user, user | {"user": {"token": "the second of one name"}}]}))
    paths = (config.folder / "missing", config.folder / "clusters", users)
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, paths)))

    assert await config.who() == ACCOUNT


async def test_whoever_impersonates_has_no_more_rights_than_that_user(config: Config) -> None:
    config.user.update({"as": "jane", "as-groups": ["team", "system:masters"], "as-user-extra": {"why": ["test"]}})
    config.write()
    assert await config.who() == "jane"

    config.user.update({"as-groups": ["team"]})
    config.write()
    with pytest.raises(KubernetesError, match='User "jane" cannot get'):
        await config.who()


async def test_the_certificate_is_checked_against_the_name_that_is_given(config: Config) -> None:
    config.cluster["tls-server-name"] = "kubernetes.default.svc"
    config.write()
    assert await config.who()

    config.cluster["tls-server-name"] = "wrong.example.com"
    config.write()
    with pytest.raises(KubernetesError, match="ClientConnectorCertificateError"):
        await config.who()


async def test_a_proxy_is_used(config: Config) -> None:
    config.cluster["proxy-url"] = NOBODY_LISTENS
    config.write()

    with pytest.raises(KubernetesError, match="ClientProxyConnectionError"):
        await config.who()
