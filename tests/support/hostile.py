"""Servers of a tenant who means harm, on loopback addresses."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

__all__ = [
    "MUTE_NAMESERVER",
    "Answer",
    "Hostile",
    "Listener",
    "dripping_listener",
    "hostile_server",
    "mute_nameserver",
    "silent_listener",
]

MUTE_NAMESERVER: Final = "127.9.9.9"
"""Where `mute_nameserver` listens, on the port of all name servers; nobody else uses this address."""
_SECONDS_A_BYTE: Final = 1.0
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


class Listener:
    """A server that takes every connection, and never finishes an answer.

    Args:
        drip: sent one byte a second to whoever asks; the last byte is repeated for ever. Empty: it stays silent.
    """

    def __init__(self, drip: bytes = b"") -> None:
        self._drip = drip
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._taken: list[socket.socket] = []
        self._ended = threading.Event()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many connections it has taken in all."""
        return len(self._taken)

    def serve(self) -> None:
        """Take connections until closed."""
        self._socket.settimeout(0.2)
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                self._taken.append(self._socket.accept()[0])

    def send(self) -> None:
        """Drip until closed."""
        sent: dict[int, int] = {}
        while self._drip and not self._ended.wait(_SECONDS_A_BYTE):
            for taken in list(self._taken):
                at = min(sent.get(taken.fileno(), 0), len(self._drip) - 1)
                sent[taken.fileno()] = at + 1
                with contextlib.suppress(OSError):
                    taken.sendall(self._drip[at : at + 1])

    def end(self) -> None:
        """Let the threads end."""
        self._ended.set()

    def close(self) -> None:
        """Close all connections, once the threads have ended."""
        for taken in self._taken:
            taken.close()
        self._socket.close()


@contextmanager
def silent_listener() -> Iterator[Listener]:
    """A server that takes connections and never says a word."""
    yield from _running(Listener())


@contextmanager
def dripping_listener() -> Iterator[Listener]:
    """A server whose answer is well-formed and comes one byte a second."""
    yield from _running(Listener(_HEAD + b" "))


def _running(listener: Listener) -> Iterator[Listener]:
    threads = [threading.Thread(target=run) for run in (listener.serve, listener.send)]
    for thread in threads:
        thread.start()
    try:
        yield listener
    finally:
        listener.end()
        for thread in threads:
            thread.join()
        listener.close()


@contextmanager
def mute_nameserver() -> Iterator[None]:
    """A name server that never answers, so that each look-up takes as long as the system's resolver is patient.

    Raises:
        PermissionError: ports below 1024 are root's.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind((MUTE_NAMESERVER, 53))
        yield


class Answer(NamedTuple):
    """What a `Hostile` answers to a call."""

    status: int
    headers: Mapping[str, str]
    content: bytes


_USER: Final = {"data": {"id": "1", "attributes": {"email": "someone@example.com"}}}
_NAMED: Final = b'{"id": %d, "attributes": {"name": "some"}}'
_NOT_THERE: Final = Answer(404, {}, b'{"error": "Sync not found"}')


class Hostile:
    """A server of the Multiwoven dialect that answers whatever it is told to, and 404 to all other calls.

    Until it is told something else it knows who asks, has no syncs, and the connectors and the model of all specs.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self._answers: dict[str, Answer] = {}
        self._lists: dict[str, Sequence[bytes]] = {}
        self.says("GET /users/me", _USER)
        self.lists("/syncs", [])
        self.lists("/connectors?type=source", [_NAMED % 1])
        self.lists("/connectors?type=destination", [_NAMED % 2])
        self.lists("/models", [_NAMED % 3])

    def says(self, call: str, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer a call so: method and path as it begins, the longest one counts. The body is bytes or JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._answers[call] = Answer(status, headers or {}, content)

    def lists(self, path: str, items: Sequence[bytes]) -> None:
        """Answer a list with these items, page by page as it is asked for; of connectors also the type is named."""
        self._lists[path] = items

    def answer(self, method: str, target: str) -> Answer:
        """The answer to a call."""
        parts = urlsplit(target.removeprefix("/api/v1"))
        call = f"{method} {parts.path}"
        self.asked.append(call)
        found = max((told for told in self._answers if call.startswith(told)), key=len, default=None)
        if found is not None:
            return self._answers[found]
        query = parse_qs(parts.query)
        path = f"{parts.path}?type={query['type'][0]}" if "type" in query else parts.path
        if method == "GET" and path in self._lists:
            size = int(query.get("per_page", ["10"])[0])
            begin = (int(query.get("page", ["1"])[0]) - 1) * size
            return Answer(200, {}, b'{"data":[' + b",".join(self._lists[path][begin : begin + size]) + b"]}")
        return _NOT_THERE


@contextmanager
def hostile_server() -> Iterator[Hostile]:
    """Serve on loopback until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, content = hostile.answer(self.command, self.path)
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # who asked has seen enough
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 (the library's names)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hostile = Hostile(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hostile
        finally:
            server.shutdown()
            thread.join()
