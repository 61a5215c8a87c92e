"""A Workspace without credentials, which the CRD lets nobody write."""

from typing import cast

import pytest

from sync_operator.api.kinds.workspace import Auth, WorkspaceSpec
from sync_operator.controller.workspace.credentials import read_credentials
from sync_operator.kubernetes.kube_client import KubeClient


async def test_a_workspace_without_credentials_is_a_defect() -> None:
    spec = WorkspaceSpec(url="https://api.example", auth=Auth())

    with pytest.raises(AssertionError, match="without credentials"):
        await read_credentials(cast("KubeClient", None), "team", spec)
