"""Credentials that cannot be used are told in one line, which quotes nothing of them."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from sync_operator.cluster.login import open_session
from sync_operator.errors import KubernetesError

SECRET: Final = "s3cret-token"
CONFIG: Final[dict[str, Any]] = {
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": SECRET}}],
}
NO_CA: Final = [{"name": "here", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority": "/no/ca.crt"}}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file or directory"),
        ("", "LoginError"),
        (f"token: {SECRET}\n\t- {SECRET}: [", "Error"),
        (f"[{SECRET}]", "Error"),
        (json.dumps(CONFIG | {"current-context": "elsewhere"}), "KeyError"),
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
