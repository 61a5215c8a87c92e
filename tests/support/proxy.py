"""A forwarding HTTP proxy that tells of every request, and lets tests do to it what networks and servers do.

It runs in a thread of its own, so that the tests in front of it may wait as they like. One implementation serves for
the kube-apiserver (`kubeproxy`) and for the sync server: what can happen on the way to one can happen on the way to
the other.
"""

import asyncio
import gc
import json
import ssl
import threading
import warnings
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import web
from tests.support.faults import Answer, Call, Fault, Moment, Rule

__all__ = ["Proxy", "running_proxy"]

_OF_ONE_HOP: Final = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_LONGEST_LINE: Final = 2**24
"""One object of a watch; also the longest request body."""
_TURNS_TO_CLOSE: Final = 10
"""Turns of the loop in which closed connections end: TLS takes more than one."""
_NOTHING: Final = Fault("nothing")


@dataclass(frozen=True, slots=True)
class _Received:
    """An answer of the server behind the proxy."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _Watch:
    """A watch that is passed on at the moment."""

    response: web.StreamResponse
    transport: asyncio.BaseTransport | None


class Proxy:
    """One server seen through a proxy. Its methods may be called from any thread.

    Attributes:
        calls: every request so far.
        heard: by path, all that the server has answered; None until a test wants to hear it.
    """

    def __init__(self, name: str, upstream: str, *, trust: ssl.SSLContext | None = None) -> None:
        self._name = name
        self._upstream = upstream.rstrip("/")
        self._trust = trust
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy of {name}", daemon=True)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._watches: set[_Watch] = set()
        self._rule: Rule | None = None
        self.calls: list[Call] = []
        self.heard: dict[str, bytearray] | None = None
        self.url = ""

    def judge(self, rule: Rule | None) -> None:
        """Ask this rule about every request from now on; None lets everything pass."""
        self._rule = rule

    def end_watches(self, last_line: Mapping[str, Any] | None = None) -> int:
        """End all watches, with an event of ours as their last line or with a cut of the connection; how many."""
        return self._run(self._end_watches(last_line))

    def start(self) -> None:
        """Listen on a free port of the loopback."""
        self._thread.start()
        self._run(self._start())

    def stop(self) -> None:
        """Cut what is under way, and end the thread."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        # A connection that was being made when everything was cancelled belongs to nobody; the test is not to blame.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def _run[T](self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(timeout=30)

    async def _start(self) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._trust or True),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=_LONGEST_LINE,
            auto_decompress=False,
        )
        app = web.Application(client_max_size=_LONGEST_LINE)
        app.router.add_route("*", "/{path:.*}", self._serve)
        # The end of the client's connection ends a watch; what else was received is shielded from it, as a server
        # carries a request out whether or not its sender lives on.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._runner.cleanup()
        # Watches give their connections back as they end, and closed ones need a turn of the loop to be gone.
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=5)
        await self._http.close()
        for _ in range(_TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call(self._name, request.method, request.path, dict(request.query), _json(body))
        self.calls.append(call)
        fault = (self._rule(call) if self._rule else None) or _NOTHING
        if call.watches and fault is _NOTHING:
            return await self._pass_watch(request)
        return await asyncio.shield(self._keep(self._transport(request, body, fault)))

    async def _transport(self, request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
        """One exchange with whatever happens to it."""
        await asyncio.sleep(fault.delay)
        if fault.late is not None:
            self._keep(self._arrive_late(request, body, fault.late))
        if fault.lose is Moment.BEFORE:
            return _cut_off(request, fault)
        if fault.answer is not None and not fault.carried_out:
            return _own(fault.answer)
        try:
            received = await self._forward(request, body, fault)
            if fault.twice:
                received = await self._forward(request, body, fault)
        except aiohttp.ClientError:
            return _hang_up(request)
        await asyncio.sleep(fault.linger)
        if fault.lose is Moment.AFTER:
            return _cut_off(request, fault)
        if fault.cut:
            return await _half(request, received)
        if fault.answer is not None:
            return _own(fault.answer)
        content = fault.garble(received.body) if fault.garble else received.body
        return web.Response(status=received.status, headers=received.headers, body=content)

    async def _arrive_late(self, request: web.Request, body: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with suppress(aiohttp.ClientError):
            await self._forward(request, body, _NOTHING)

    async def _forward(self, request: web.Request, body: bytes, fault: Fault) -> _Received:
        url = self._upstream + str(request.rel_url.update_query(fault.query) if fault.query else request.rel_url)
        headers = _passed_on(request.headers)
        async with self._http.request(request.method, url, headers=headers, data=body or None) as answer:
            content = await answer.read()
            self._hear(request.path, content)
            return _Received(answer.status, _passed_on(answer.headers), content)

    def _hear(self, path: str, content: bytes) -> None:
        if self.heard is not None:
            self.heard.setdefault(path, bytearray()).extend(content)

    async def _pass_watch(self, request: web.Request) -> web.StreamResponse:
        try:
            async with self._http.get(self._upstream + request.path_qs, headers=_passed_on(request.headers)) as answer:
                response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
                await response.prepare(request)
                watch = _Watch(response, request.transport)
                self._watches.add(watch)
                try:
                    async for line in answer.content:
                        self._hear(request.path, line)
                        await response.write(line)
                finally:
                    self._watches.discard(watch)
                return response
        except (aiohttp.ClientError, ConnectionError):
            return _hang_up(request)

    async def _end_watches(self, last_line: Mapping[str, Any] | None) -> int:
        ended = list(self._watches)
        for watch in ended:
            if last_line is not None:
                with suppress(ConnectionError):
                    await watch.response.write(json.dumps(last_line, separators=(",", ":")).encode() + b"\n")
            if watch.transport is not None:
                watch.transport.close() if last_line is not None else _abort(watch.transport)
        return len(ended)

    def _keep[T](self, doing: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(doing)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task


@contextmanager
def running_proxy(name: str, upstream: str, *, trust: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy in front of a server: a name for it, and its base URL."""
    proxy = Proxy(name, upstream, trust=trust)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_HOP}


def _own(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers, content_type="text/html")
    return web.json_response(answer.body, status=answer.status, headers=answer.headers)


def _cut_off(request: web.Request, fault: Fault) -> web.Response:
    if fault.then is not None:
        fault.then()
    return _hang_up(request)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        _abort(request.transport)
    return web.Response()


def _abort(transport: asyncio.BaseTransport) -> None:
    if isinstance(transport, asyncio.Transport):
        transport.abort()


async def _half(request: web.Request, received: _Received) -> web.StreamResponse:
    """The head of an answer, half of its body, and then nothing more."""
    response = web.StreamResponse(status=received.status, headers=received.headers)
    response.content_length = len(received.body)
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(received.body[: len(received.body) // 2])
    # Bytes still in the buffer are to arrive before the connection ends.
    if request.transport is not None:
        request.transport.close()
    return response
