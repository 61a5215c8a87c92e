"""A plain HTTP client for the sandbox: what the contract says is tested without the code that relies on it."""

from dataclasses import replace
from typing import Any, Final

import httpx
from tests.support.served import BODY, Served

__all__ = ["POSTGRESQL", "SEED", "Caller", "detail"]

POSTGRESQL: Final[dict[str, Any]] = {
    "data_type": "structured",
    "host": "db.example.com",
    "port": "5432",
    "database": "shop",
    "schema": "public",
    "credentials": {"auth_type": "username/password", "username": "reader", "password": "planted"},
}
"""A configuration of the definition ``Postgresql``."""

SEED = {"schedule_type": "automated", "sync_interval": 5, "sync_interval_unit": "minutes"}
"""What the documented dialect asks of a schedule."""


def detail(response: httpx.Response) -> str:
    """The server's own words in a refusal of shape E2 or E3."""
    return str(response.json()["errors"][0]["detail"])


class Caller:
    """Calls with the right headers, unless a test says otherwise; the helpers are about sync 1."""

    def __init__(self, api: Served) -> None:
        self.api = api
        self._http = httpx.AsyncClient(base_url=f"{api.url}/api/v1", trust_env=False)

    async def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        token: str = "good",
        workspace: str | None = "1",
        content: str | None = None,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} | ({"Workspace-Id": workspace} if workspace else {})
        if content is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.request(method, path, headers=headers, json=json, content=content)

    async def create(self, **changes: Any) -> httpx.Response:
        return await self("POST", "/syncs", {"sync": {**BODY, **changes}})

    async def connect(self, token: str = "good", **changes: Any) -> httpx.Response:
        """Create a connector, by default a source of the definition ``Postgresql``; None leaves a field out."""
        body: dict[str, Any] = {"name": "Shop", "connector_type": "source", "connector_name": "Postgresql"}
        fields = {**body, "configuration": POSTGRESQL, **changes}
        wanted = {name: value for name, value in fields.items() if value is not None}
        return await self("POST", "/connectors", {"connector": wanted}, token=token)

    async def model(self, token: str = "good", **changes: Any) -> httpx.Response:
        """Create a model, by default of connector 1; None leaves a field out."""
        body: dict[str, Any] = {"connector_id": 1, "name": "Orders", "query_type": "raw_sql", "primary_key": "id"}
        fields = {**body, "query": "SELECT id, name FROM orders ORDER BY id", **changes}
        wanted = {name: value for name, value in fields.items() if value is not None}
        return await self("POST", "/models", {"model": wanted}, token=token)

    async def put(self, **fields: Any) -> httpx.Response:
        return await self("PUT", "/syncs/1", {"sync": fields})

    async def sync(self) -> dict[str, Any]:
        """The attributes of the sync."""
        body = (await self("GET", "/syncs/1")).json()
        attributes: dict[str, Any] = body.get("data", body)["attributes"]
        return attributes

    async def enable(self, enable: Any) -> httpx.Response:
        return await self("PATCH", "/syncs/1/enable", {"enable": enable})

    async def trigger(self, token: str = "good") -> httpx.Response:
        return await self("POST", "/schedule_syncs", {"schedule_sync": {"sync_id": 1}}, token=token)

    async def cancel(self) -> httpx.Response:
        return await self("DELETE", "/schedule_syncs/1")

    async def runs(self, query: str = "") -> list[dict[str, Any]]:
        """The attributes of the sync's runs, with their ids, the last moved first."""
        found = (await self("GET", f"/syncs/1/sync_runs{query}")).json()["data"]
        return [{"id": entry["id"], **entry["attributes"]} for entry in found]

    async def control(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """A call of the sandbox's own API."""
        return await self._http.request(method, f"{self.api.url}/sandbox{path}", json=json)

    def plan(self, **changes: Any) -> None:
        """How the next run goes."""
        store = self.api.store
        store.planned.setdefault(1, []).append(replace(store.default_outcome, **changes))

    def later(self, seconds: float) -> None:
        self.api.clock.advance(seconds)

    async def close(self) -> None:
        await self._http.aclose()
