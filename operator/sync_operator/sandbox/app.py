"""The sandbox's web application."""

from collections.abc import Awaitable, Callable
from email.utils import format_datetime

from aiohttp import web

from sync_operator.sandbox.access import STORE
from sync_operator.sandbox.error_shapes import Refusal, non_json_error
from sync_operator.sandbox.fault_injection import Faults
from sync_operator.sandbox.routes import control_routes, directory_routes, run_routes, sync_routes
from sync_operator.sandbox.routes.pipeline import (
    catalog_routes,
    connector_routes,
    definition_routes,
    model_routes,
    pipeline_control_routes,
)
from sync_operator.sandbox.state import Store
from sync_operator.sandbox.workflow_progress import process_due

__all__ = ["make_app"]

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MAX_BODY = 16 * 1024 * 1024


def make_app(store: Store) -> web.Application:
    """An application with the sync API and the control API, on one store."""
    app = web.Application(middlewares=[_process_request], client_max_size=_MAX_BODY)
    app[STORE] = store
    app[control_routes.FAULTS] = Faults()
    directory_routes.login_memory(app)
    control = (control_routes, pipeline_control_routes)
    pipeline = (definition_routes, connector_routes, catalog_routes, model_routes)
    for module in (*control, directory_routes, *pipeline, run_routes, sync_routes):
        app.add_routes(module.routes)
    return app


@web.middleware
async def _process_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Process due events, then faults, then the request; refusals become responses, unknown routes 404 with HTML."""
    if request.path.startswith("/sandbox/"):
        return await handler(request)
    store = request.app[STORE]
    process_due(store)

    async def carry_out(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Refusal as refusal:
            response = refusal.response()
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            response = non_json_error(404).response()
        response.headers["Date"] = format_datetime(store.clock(), usegmt=True)
        return response

    return await request.app[control_routes.FAULTS].handle(request, carry_out)
