"""`sync-operator runner`: what a CronJob's pod does. Its exit code and termination message tell the truth."""

import argparse
import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

from sync_operator.errors import InvalidSettingsError, InvalidSpecError, NotFoundError, SyncOperatorError
from sync_operator.log import configure_logging
from sync_operator.remote.client import ApiClient, Endpoint
from sync_operator.remote.connections import HttpPool
from sync_operator.remote.hosts import check_url
from sync_operator.remote.types import Dialect, RemoteRun
from sync_operator.runner.clock import Clock
from sync_operator.runner.ending import Ending, ExitCode, crash, termination_message
from sync_operator.runner.follow import Follower
from sync_operator.runner.patience import GaveUpError, Patience, TokenFile
from sync_operator.settings import RunnerSettings

__all__ = ["add_arguments", "main"]

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the last words go; everything else comes from the environment."""
    parser.add_argument(
        "--termination-message",
        type=Path,
        default=Path("/dev/termination-log"),
        metavar="PATH",
        help="file that the result is written to as JSON (default: %(default)s)",
    )
    parser.epilog = (
        "Environment: SYNC_ID, SYNC_API_URL, SYNC_API_TOKEN_FILE, and others; see the README. Exit codes: 0 delivered, "
        "1 run failed or rows rejected, 2 wrong configuration or refused, 3 server unreachable, 4 canceled, 70 a "
        "defect of the runner, 143 told to stop."
    )


def main(args: argparse.Namespace) -> int:
    """Make and follow one run.

    Returns:
        An `ExitCode`.
    """
    try:
        settings = RunnerSettings.from_environment()
        check_url(settings.api_url, settings.hosts, field="SYNC_API_URL")
    except (InvalidSettingsError, InvalidSpecError) as error:
        sys.stderr.write(f"sync-operator runner: {error}\n")
        ending = Ending(ExitCode.REFUSED, str(error))
    else:
        configure_logging(settings.log)
        try:
            ending = asyncio.run(_run(settings))
        except Exception as error:  # noqa: BLE001 (the outermost frame: Python's own exit code says "the run failed")
            ending = _crash(error)
        level = logging.INFO if ending.code in {ExitCode.DELIVERED, ExitCode.HANDED_OVER} else logging.ERROR
        _log.log(level, ending.message, extra={"exit_code": int(ending.code)})
    try:
        args.termination_message.write_text(termination_message(ending), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"sync-operator runner: {args.termination_message} cannot be written: {error.strerror}\n")
    return int(ending.code)


async def _run(settings: RunnerSettings) -> Ending:
    pool = HttpPool(settings.hosts, settings.proxies)
    try:
        return await _until_told_to_stop(_follower(settings, pool))
    except InvalidSpecError as error:
        return Ending(ExitCode.REFUSED, str(error))
    except OSError as error:
        return Ending(ExitCode.REFUSED, f"{error.filename or 'a file'} cannot be read: {error.strerror}")
    finally:
        await pool.aclose()


def _follower(settings: RunnerSettings, pool: HttpPool) -> Follower:
    ca_pem = settings.ca_file.read_text(encoding="utf-8", errors="replace") if settings.ca_file is not None else None
    endpoint = Endpoint(settings.api_url, settings.workspace_id, Dialect(settings.dialect), ca_pem=ca_pem)
    token, clock = TokenFile(settings.token_file), Clock(time.monotonic, asyncio.sleep)
    return Follower(ApiClient(endpoint, token=token, pool=pool), settings, clock, Patience(clock, token.text))


async def _until_told_to_stop(follower: Follower) -> Ending:
    """Run; a SIGTERM (drain, preemption, deletion) never cancels the run on the server, nor stops our own timeout."""
    work = asyncio.create_task(follower.ending())

    def stop() -> None:
        if follower.canceling:
            _log.warning("told to stop: will do so after canceling the run that took too long")
        else:
            work.cancel()

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    try:
        return await work
    except asyncio.CancelledError:
        seen = f"run {follower.run.id} goes on" if follower.run is not None else "no run was seen yet"
        return Ending(ExitCode.HANDED_OVER, f"told to stop: {seen}, and the next pod of this Job follows it")
    except GaveUpError as error:
        return Ending(ExitCode.UNREACHABLE, f"{error}{_unwatched(follower)}")
    except NotFoundError as error:
        return Ending(ExitCode.REFUSED, str(error))
    except SyncOperatorError as error:
        return Ending(ExitCode.REFUSED, f"{error}{_unwatched(follower)}")
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 (as in main, where the run is not known)
        return _crash(error, follower.run)


def _crash(error: Exception, run: RemoteRun | None = None) -> Ending:
    _log.error("the runner failed unexpectedly", exc_info=error)
    return crash(error, run)


def _unwatched(follower: Follower) -> str:
    run = follower.run
    return f"; run {run.id} goes on unwatched" if run is not None and not run.status.finished else ""
