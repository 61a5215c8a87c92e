"""What is in a Secret never passes the watch, and a Secret that changes still wakes those who use it."""

import base64
from pathlib import Path

import pytest
from tests.support.nursery import Nursery
from tests.support.plane import Plane
from tests.support.replicas import leader_of, running_replicas
from tests.support.running import TOKEN, eventually
from tests.support.syncs import Tenant

from sync_operator.api.constants import SYNC_KIND, WORKSPACE_KIND

PLANTED = "planted-in-another-secret"


@pytest.mark.timeout(180)
def test_no_secret_passes_the_watch(nursery: Nursery, quiet: Plane, team: Tenant, tmp_path: Path) -> None:
    team.secret(PLANTED, "of-somebody-else", "password")
    with running_replicas(nursery, quiet, tmp_path, team.namespace, 1, SYNC_OPERATOR_RELIST_SECONDS="3000") as [
        replica
    ]:
        replica.proxy.heard = {}
        leader_of([replica])
        team.connect()
        team.secret("first", "values", "key")
        mapping = {"from": "text", "to": "vector", "mapping_type": "vector", "embedding_config": {"mode": "openai"}}
        entry = {"pointer": "/0/embedding_config/api_key", "secretKeyRef": {"name": "values", "key": "key"}}
        team.ready(configuration=[mapping], configurationSecrets=[entry])

        team.secret(PLANTED + PLANTED, "of-somebody-else", "password")
        team.secret("second", "values", "key")
        written = "second"
        eventually(lambda: written in str(team.sandbox.syncs()), "the Sync to be woken by its Secret")
        team.secret("no-such-token")
        team.when(WORKSPACE_KIND, "default", "Ready", "False", "Unauthorized")
        team.secret()
        team.when(WORKSPACE_KIND, "default", "Ready")
        team.when(SYNC_KIND, "orders", "Ready")

        heard = bytes(replica.proxy.heard[f"/api/v1/namespaces/{team.namespace}/secrets"])
        assert b'"kind":"PartialObjectMetadata"' in heard
        assert b"of-somebody-else" in heard, "it is told that it changed"
        for value in (PLANTED, PLANTED + PLANTED, "first", "second", TOKEN):
            assert base64.b64encode(value.encode()) not in heard
