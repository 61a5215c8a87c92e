"""The sandbox as a web application."""

from collections.abc import Awaitable, Callable
from email.utils import format_datetime

from aiohttp import web

from sync_operator.sandbox import control, people, runs, syncs
from sync_operator.sandbox.faults import Faults
from sync_operator.sandbox.guard import STORE
from sync_operator.sandbox.progress import settle
from sync_operator.sandbox.shapes import Refusal, e5
from sync_operator.sandbox.state import Store

__all__ = ["make_app"]

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LONGEST_BODY = 16 * 1024 * 1024


def make_app(store: Store) -> web.Application:
    """The API and the control API over one store."""
    app = web.Application(middlewares=[_answer], client_max_size=_LONGEST_BODY)
    app[STORE] = store
    app[control.FAULTS] = Faults()
    people.login_memory(app)
    for module in (control, people, runs, syncs):
        app.add_routes(module.routes)
    return app


@web.middleware
async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Time first, then faults, then the call itself; refusals become answers, unknown routes are 404 HTML."""
    if request.path.startswith("/sandbox/"):
        return await handler(request)
    store = request.app[STORE]
    settle(store)

    async def carry_out(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Refusal as refusal:
            response = refusal.response()
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            response = e5(404).response()
        response.headers["Date"] = format_datetime(store.clock(), usegmt=True)
        return response

    return await request.app[control.FAULTS].handle(request, carry_out)
