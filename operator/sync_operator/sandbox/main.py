"""`sync-operator sandbox`: serves the sync API from memory until it is stopped."""

import argparse
import asyncio
import math
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from sync_operator.sandbox.app import make_app
from sync_operator.sandbox.state import Outcome, Store, Token

__all__ = ["add_arguments", "main"]

_DEFAULT_TOKEN: Final = "sandbox-token"  # noqa: S105 (it protects nothing)
_SHUTDOWN_SECONDS: Final = 2.0
"""Seconds to wait for unfinished responses at shutdown; faults can delay a response by minutes."""
_CONTROL: Final = """\
It needs neither a cluster nor a file, reads no environment, and forgets everything when it ends.

beside /api/v1 there is a control API, without a token:
  GET, DELETE /sandbox/requests       what was received
  POST, DELETE /sandbox/faults        {"method","path","times","status","body","retry_after","delay","lose","garbage"}
  POST /sandbox/outcomes              {"sync_id","times","ending","rows","failed_rows","pending_rows","seconds",...}
  GET /sandbox/state                  every sync, run, connector (with its secrets) and model
  PUT /sandbox/state                  {"syncs", "next_sync", "connectors", "models"}: the server is rebuilt or replaced
  PATCH /sandbox/syncs/ID             change a sync as somebody else would; {"broken": true}: no list can show it
  PATCH /sandbox/runs/ID              {"status": "paused"}
  PUT /sandbox/engine                 {"temporal_away", "cancel_lag"}: 200s of which nothing comes
  PUT /sandbox/lists                  {"cost_ms"}: as --list-cost-ms
  PUT /sandbox/users/EMAIL            {"password"}: a user who may log in
  PUT, DELETE /sandbox/tokens/TOKEN   {"email", "role", "workspaces"}: another user's token, or another account's
  PUT, DELETE /sandbox/connectors/ID  {"name", "kind", "workspace_id"}: what sourceRef and destinationRef find
  PATCH /sandbox/connectors/ID        {"configuration", "name", ...}: change one as somebody else would
  PUT, DELETE /sandbox/models/ID      {"name", "workspace_id", "connector_id"}: what modelRef finds
  PUT /sandbox/catalogs/ID            streams of a destination, each a name or {"name", "batch_support"}; null: none
  PUT /sandbox/discovers/ID           {"streams", "failure": "swallowed" or "raised", "seconds", "times"}
  PUT /sandbox/queries/ID             {"rows", "error"}: what a source answers to query_source
  PUT, DELETE /sandbox/definitions/TYPE/NAME  {"definition", "streams"}: as another release has them
  PUT /sandbox/release                {"masks_secrets", "sizes_connectors", "connections_work"}: false for older ones

exit codes:
  0  it was told to stop (SIGTERM, SIGINT)
  2  the port or the token file cannot be used
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sandbox."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _CONTROL
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8088, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument(
        "--dialect",
        choices=("multiwoven", "documented"),
        default="multiwoven",
        help="answer as the open-source server, or as the API's documentation says (default: %(default)s)",
    )
    parser.add_argument(
        "--token-file", type=Path, help=f"file with the bearer token (default: none; the token is {_DEFAULT_TOKEN})"
    )
    parser.add_argument(
        "--workspace", type=int, action="append", help="id of a workspace, may be repeated (default: 1)"
    )
    parser.add_argument(
        "--run-seconds", type=_seconds, default=10.0, help="how long a run takes (default: %(default)s)"
    )
    parser.add_argument(
        "--any-ids",
        action="store_true",
        help="do not list connectors (1 to 10, the odd ones sources) and models (1 to 10, of source 1), so that a "
        "manifest may name any ids",
    )
    parser.add_argument("--rows", type=_count, default=1000, help="rows of a run (default: %(default)s)")
    parser.add_argument(
        "--list-cost-ms",
        type=_seconds,
        default=0.0,
        help="milliseconds that a list of syncs takes for each of its rows, also when its client has given up; a "
        "Multiwoven server takes about 5 (default: %(default)s)",
    )


def main(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM.

    Returns:
        0 after a clean stop; 2 if the port or the token file cannot be used.
    """
    try:
        token = args.token_file.read_text(encoding="utf-8").strip() if args.token_file else _DEFAULT_TOKEN
    except (OSError, UnicodeDecodeError) as error:
        return _fail(f"--token-file {args.token_file}: cannot be read ({getattr(error, 'strerror', 'no UTF-8 text')})")
    if not token:
        return _fail(f"--token-file {args.token_file}: is empty; put the token into it")
    try:
        asyncio.run(_serve(args, token))
    except OSError as error:
        # asyncio's message for a port in use is long; only the system's error text is shown.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return _fail(f"cannot listen on {args.host}:{args.port} ({reason}); choose another --port or --host")
    return 0


def _fail(words: str) -> int:
    sys.stderr.write(f"sync-operator sandbox: {words}\n")
    return 2


def _port(text: str) -> int:
    return _within(int, text, 65535, "a port is a number from 0 to 65535")


def _count(text: str) -> int:
    return _within(int, text, sys.maxsize, "it has to be a whole number, not less than 0")


def _seconds(text: str) -> float:
    return _within(float, text, math.inf, "it has to be a number, not less than 0")


def _within[N: (int, float)](read: Callable[[str], N], text: str, most: float, words: str) -> N:
    try:
        number = read(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: {words}") from None
    if not 0 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r}: {words}")
    return number


async def _serve(args: argparse.Namespace, token: str) -> None:
    workspaces = frozenset(args.workspace or [1])
    store = Store(
        clock=lambda: datetime.now(UTC),
        dialect=args.dialect,
        tokens={token: Token(workspaces=workspaces)},
        workspaces=workspaces,
        default_outcome=Outcome(rows=args.rows, seconds=args.run_seconds),
        any_ids=args.any_ids,
        list_cost=args.list_cost_ms / 1000,
    )
    runner = web.AppRunner(make_app(store), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        site = web.TCPSite(runner, args.host, args.port)
        await site.start()
        port = runner.addresses[0][1]
        sys.stdout.write(f"sandbox ready on http://{args.host}:{port} (dialect {args.dialect})\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()
