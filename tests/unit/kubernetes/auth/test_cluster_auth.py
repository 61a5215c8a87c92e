"""Credentials that cannot be used are told in one line, which quotes nothing of them."""

import base64
import json
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from sync_operator.errors import KubernetesError
from sync_operator.kubernetes.auth import exec_credentials
from sync_operator.kubernetes.auth.cluster_auth import open_session
from sync_operator.kubernetes.auth.kubeconfig import KubeconfigAccess, read_kubeconfig

SECRET: Final = "s3cret-token"
CONFIG: Final[dict[str, Any]] = {
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": SECRET}}],
}
NO_CA: Final = [{"name": "here", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority": "/no/ca.crt"}}]


def cluster(**changes: str) -> str:
    """The kubeconfig with another cluster."""
    entry = {"name": "here", "cluster": {"server": "https://127.0.0.1:1"} | changes}
    return json.dumps(CONFIG | {"clusters": [entry]})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file or directory"),
        ("", "current-context is not set"),
        (f"token: {SECRET}\n\t- {SECRET}: [", "Error"),
        (f"[{SECRET}]", "is not a kubeconfig"),
        (json.dumps(CONFIG | {"current-context": "elsewhere"}), "KeyError"),
        (json.dumps(CONFIG | {"users": []}), "contexts[here].context.user names 'me'"),
        (cluster(server=""), "clusters[here].cluster.server is not set"),
        (cluster(**{"proxy-url": "socks5://127.0.0.1:1"}), "only http:// and https:// proxies"),
        (cluster(**{"proxy-url": "http://127.0.0.1:1", "tls-server-name": "a"}), "together with proxy-url"),
        (json.dumps(CONFIG | {"users": [{"name": "me", "user": {"as-groups": ["a"]}}]}), "without users[].user.as"),
        (json.dumps(CONFIG | {"clusters": NO_CA}), "No such file or directory"),
    ],
)
async def test_a_kubeconfig_that_is_no_use_is_told(
    text: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(path))

    with pytest.raises(KubernetesError) as caught:
        open_session()

    told = str(caught.value)
    assert reason in told
    assert "check KUBECONFIG" in told
    assert SECRET not in told


async def test_no_credentials_at_all_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(KubernetesError, match="set KUBECONFIG"):
        open_session()


def a_jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".x"


def test_the_token_of_a_provider_is_taken(tmp_path: Path) -> None:
    token = a_jwt(exp=4_000_000_000)
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    (tmp_path / "kubeconfig").write_text(json.dumps(CONFIG | {"users": [{"name": "me", "user": user}]}))

    access = read_kubeconfig([tmp_path / "kubeconfig"])

    assert access.is_renewable
    assert exec_credentials._fetch_credentials(access) == {
        "token": token,
        "expirationTimestamp": "2096-10-02T07:06:40+00:00",
    }


@pytest.mark.parametrize("payload", [{}, {"exp": None}, {"exp": "soon"}, {"exp": 1e300}, [], "text"])
def test_a_token_that_does_not_tell_its_end_is_taken_as_it_is(payload: Any) -> None:
    parts: tuple[Any, ...] = ({}, payload, {})
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)

    assert exec_credentials._provider_credentials(token) == {"token": token, "expirationTimestamp": None}
    assert exec_credentials._provider_credentials("opaque")["expirationTimestamp"] is None


def test_without_the_official_client_a_plugin_is_told_to_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = {"exec": {"command": "cloud", "apiVersion": "client.authentication.k8s.io/v1"}}
    (tmp_path / "kubeconfig").write_text(json.dumps(CONFIG | {"users": [{"name": "me", "user": user}]}))
    monkeypatch.setitem(sys.modules, "kubernetes.config.kube_config", None)

    with pytest.raises(KubernetesError, match="pip install kubernetes"):
        exec_credentials._fetch_credentials(read_kubeconfig([tmp_path / "kubeconfig"]))


async def test_a_plugin_that_fails_later_leaves_the_credentials_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[dict[str, str] | None] = [{"token": "first", "expirationTimestamp": "2020-01-01T00:00:00"}, None]

    def ask(_: KubeconfigAccess) -> dict[str, str]:
        told = answers.pop(0)
        if told is None:
            raise KubernetesError(0, "NoCredentials", "the cloud is away")
        return told

    async def sent(request: Any) -> Any:
        return SimpleNamespace(status=200, sent=dict(request.headers))

    (tmp_path / "kubeconfig").write_text(json.dumps(CONFIG))
    access = read_kubeconfig([tmp_path / "kubeconfig"])
    monkeypatch.setattr(exec_credentials, "_fetch_credentials", ask)
    login = exec_credentials.ExecAuth(access, ssl.create_default_context(), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    request: Any = SimpleNamespace(headers={})

    for _ in range(2):
        response: Any = await login(request, sent)
        assert response.sent == {"Authorization": "Bearer first"}
    assert not answers


@pytest.mark.parametrize("status", [{}, {"expirationTimestamp": "2026-01-01T00:00:00Z"}])
async def test_a_plugin_that_gives_nothing_is_told(
    status: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kubeconfig").write_text(json.dumps(CONFIG))
    monkeypatch.setattr(exec_credentials, "_fetch_credentials", lambda _: status)
    access = read_kubeconfig([tmp_path / "kubeconfig"])
    login = exec_credentials.ExecAuth(access, ssl.create_default_context(), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    request: Any = SimpleNamespace(headers={})

    with pytest.raises(KubernetesError, match="neither a token nor a client certificate"):
        await login(request, cast("Any", None))


def test_impersonation_has_every_field_and_a_context_may_have_no_user(tmp_path: Path) -> None:
    user = {"as": "jane", "as-uid": "42", "as-groups": ["a", "b"], "as-user-extra": {"why": ["c", "d"]}}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(CONFIG | {"users": [{"name": "me", "user": user}]}))

    assert read_kubeconfig([path]).impersonate == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "42"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-why", "c"),
        ("Impersonate-Extra-why", "d"),
    )

    path.write_text(json.dumps(CONFIG | {"contexts": [{"name": "here", "context": {"cluster": "here"}}]}))
    assert read_kubeconfig([path]).user == {}
