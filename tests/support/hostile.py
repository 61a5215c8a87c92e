"""Servers of a tenant who means harm, on loopback addresses."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["MUTE_NAMESERVER", "Listener", "dripping_listener", "mute_nameserver", "silent_listener"]

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
