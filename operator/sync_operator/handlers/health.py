"""`/healthz` and `/readyz` for the kubelet."""

from collections.abc import Callable

from aiohttp import web

__all__ = ["serve_health"]


async def serve_health(port: int, *, ready: Callable[[], bool]) -> web.AppRunner:
    """Serve the probes on all interfaces; port 0 takes a free one.

    ``/healthz`` answers as long as the event loop runs; ``/readyz`` once the caches are filled and watched.

    Returns:
        The running server; ``cleanup()`` stops it.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if ready() else web.Response(status=503, text="starting\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
