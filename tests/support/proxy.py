"""A forwarding HTTP proxy that tells of every request, and lets tests do to it what networks and servers do.

It runs in a thread of its own, so that the tests in front of it may wait as they like. One implementation serves for
the kube-apiserver (`kubeproxy`) and for the sync server: what can happen on the way to one can happen on the way to
the other.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import aiohttp
from aiohttp import web

__all__ = ["Answer", "Call", "Fault", "Moment", "Proxy", "Rule", "running_proxy"]

_OF_ONE_HOP: Final = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_LONGEST_LINE: Final = 2**24
"""One object of a watch; also the longest request body."""


class Moment(Enum):
    """Where on its way an exchange is."""

    BEFORE = "before"
    """The request is here whole, and has not been passed on."""
    AFTER = "after"
    """The answer is here whole, and has not been passed on."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it was received: ``to`` names the server, ``body`` is its JSON value, None where it has none."""

    to: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any

    @property
    def watches(self) -> bool:
        """True for a watch of the Kubernetes API, which is passed on line by line for as long as it lasts."""
        return self.query.get("watch") in {"1", "true"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the proxy's own; without a body it is an empty page of HTML, as proxies send them."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one exchange.

    Attributes:
        kind: name for reports.
        query: parameters of the query to be replaced.
        answer: is sent instead of the server's.
        carried_out: True where the request is passed on all the same before that answer is sent.
        lose: at this moment the connection is cut; nothing goes any further.
        then: is called at that moment, just before.
        late: seconds after which a request that was not passed on arrives at the server all the same.
        delay: seconds by which the request arrives later.
        linger: seconds by which the answer arrives later.
        twice: the request is passed on a second time, and the second answer counts. RFC 9110 (9.2.2) lets a proxy do
            so with idempotent requests only; a repeated POST would make a twin that no client can prevent.
        garble: what becomes of the answer's body.
        cut: only half of the answer's body arrives.
    """

    kind: str
    query: Mapping[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    carried_out: bool = False
    lose: Moment | None = None
    then: Callable[[], None] | None = None
    late: float | None = None
    delay: float = 0.0
    linger: float = 0.0
    twice: bool = False
    garble: Callable[[bytes], bytes] | None = None
    cut: bool = False


type Rule = Callable[[Call], Fault | None]
"""Is asked about every request when it has been received; None lets it pass."""

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
    """One server seen through a proxy. Its methods may be called from any thread."""

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
        await self._http.close()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call(self._name, request.method, request.path, dict(request.query), _json(body))
        self.calls.append(call)
        fault = (self._rule(call) if self._rule else None) or _NOTHING
        if call.watches and fault is _NOTHING:
            return await self._pass_watch(request)
        return await asyncio.shield(self._keep(self._exchange(request, body, fault)))

    async def _exchange(self, request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
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
            return _Received(answer.status, _passed_on(answer.headers), await answer.read())

    async def _pass_watch(self, request: web.Request) -> web.StreamResponse:
        try:
            async with self._http.get(self._upstream + request.path_qs, headers=_passed_on(request.headers)) as answer:
                response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
                await response.prepare(request)
                watch = _Watch(response, request.transport)
                self._watches.add(watch)
                try:
                    async for line in answer.content:
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
                    await watch.response.write(json.dumps(last_line).encode() + b"\n")
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
