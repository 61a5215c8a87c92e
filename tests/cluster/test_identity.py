"""A server that moves to another address is the same one, where the Workspace says so and its syncs show it."""

from pathlib import Path

from tests.support.running import eventually, running_sandbox
from tests.support.syncs import Tenant, condition

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND


def test_a_server_that_moved_keeps_its_syncs(tenant: Tenant, tmp_path: Path) -> None:
    tenant.connect()
    tenant.ready("kept")
    tenant.ready("swapped", streamName="others")
    folder = tmp_path / "moved"
    folder.mkdir()
    with running_sandbox(folder) as moved:
        kept, swapped = tenant.sandbox.syncs()
        moved.rebuilt(kept, {name: value for name, value in swapped.items() if name != "created_at"})

        def workspace(**spec: object) -> None:
            tenant.kube.patch(WORKSPACE_KIND, "default", tenant.namespace, {"spec": spec})

        workspace(url=moved.url)
        tenant.when(SYNC_KIND, "kept", "Ready", "False", "WorkspaceChanged")

        workspace(previousUrls=[f"{tenant.sandbox.url}/"])
        tenant.when(SYNC_KIND, "kept", "Ready")
        told = tenant.when(SYNC_KIND, "swapped", "Ready", "False", "Conflict")
        assert "status.registeredAt" in condition(told)["message"]
        eventually(lambda: tenant.get("kept")["status"]["url"] == moved.url, "the address to be written anew")
        assert tenant.get("swapped")["status"]["url"] == tenant.sandbox.url

        workspace(previousUrls=None)
        tenant.patch("kept", syncMode="incremental")
        tenant.when(SYNC_KIND, "kept", "Ready")
        assert moved.syncs()[0]["attributes"]["sync_mode"] == "incremental"
        assert moved.syncs()[1]["attributes"] == swapped["attributes"]
