"""A server that writes to the wire exactly what a test wants, however wrong, and keeps what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["AUTHORITY", "Raw", "answer", "raw_server", "served_tls"]

_TLS: Final = Path(__file__).parent / "tls"
AUTHORITY: Final = (_TLS / "authority.pem").read_text()
type Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(status: str = "200 OK", body: bytes = b'{"data": []}', headers: str = "") -> bytes:
    """A whole answer, after which the connection ends."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n{headers}\r\n".encode("latin-1") + body


@dataclass
class Raw:
    """A running server: what it answers next (the last one for ever), and what it received."""

    port: int = 0
    answers: list[bytes | Talk] = field(default_factory=lambda: [answer()])
    received: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next((line[15:] for line in head.lower().splitlines() if line.startswith("content-length:")), "0")
            self.received.append(head + (await reader.readexactly(int(length))).decode())
            reply = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if callable(reply):
                await reply(writer)
            else:
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def served_tls() -> ssl.SSLContext:
    """A server's context with the certificate for `sync.example`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_TLS / "server.pem")
    return context


@asynccontextmanager
async def raw_server(*answers: bytes | Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    """Serve on a free loopback port."""
    raw = Raw()
    if answers:
        raw.answers[:] = answers
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0, ssl=tls)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()
