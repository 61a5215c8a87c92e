"""`sync-operator runner`: what a CronJob's pod does. Its exit code and termination message tell the truth."""

import argparse
import asyncio
import logging
import re
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sync_operator.errors import InvalidSettingsError, InvalidSpecError, OutcomeUnknownError, SyncOperatorError
from sync_operator.log import configure_logging
from sync_operator.remote.client import ApiClient, Endpoint
from sync_operator.remote.hosts import check_url
from sync_operator.remote.transport import HttpPool
from sync_operator.remote.types import Dialect
from sync_operator.runner.ending import Ending, ExitCode, termination_message
from sync_operator.runner.follow import Follower
from sync_operator.runner.patience import Clock, GaveUpError, TokenFile
from sync_operator.settings import RunnerSettings

__all__ = ["add_arguments", "main", "slot_of"]

_log = logging.getLogger(__name__)
_SCHEDULED_JOB: Final = re.compile(r"-(\d{8,9})$", re.ASCII)


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
        "1 run failed or rows rejected, 2 wrong configuration or refused, 3 server unreachable, 4 canceled."
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
        ending = asyncio.run(_run_until_signal(settings))
        level = logging.INFO if ending.code is ExitCode.DELIVERED else logging.ERROR
        _log.log(level, ending.message, extra={"exit_code": int(ending.code)})
    try:
        args.termination_message.write_text(termination_message(ending), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"sync-operator runner: {args.termination_message} cannot be written: {error.strerror}\n")
    return int(ending.code)


def slot_of(job_name: str) -> datetime | None:
    """The scheduled time that a CronJob's controller put into the Job's name, as minutes since 1970."""
    match = _SCHEDULED_JOB.search(job_name)
    return datetime.fromtimestamp(int(match[1]) * 60, UTC) if match else None


async def _run_until_signal(settings: RunnerSettings) -> Ending:
    """Run; a SIGTERM (drain, preemption, deletion) never cancels the run on the server."""
    work = asyncio.create_task(_run(settings))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        return Ending(ExitCode.HANDED_OVER, "told to stop: the run goes on, and the next pod of this Job follows it")


async def _run(settings: RunnerSettings) -> Ending:
    pool = HttpPool()
    try:
        endpoint = Endpoint(
            url=settings.api_url,
            workspace_id=settings.workspace_id,
            dialect=Dialect(settings.dialect),
            ca_pem=settings.ca_file.read_text(encoding="ascii") if settings.ca_file is not None else None,
        )
        client = ApiClient(endpoint, token=TokenFile(settings.token_file), pool=pool)
        follower = Follower(client, settings, Clock(time.monotonic, asyncio.sleep))
        return await follower.run(slot_of(settings.run_name))
    except (GaveUpError, OutcomeUnknownError) as error:
        return Ending(ExitCode.UNREACHABLE, str(error))
    except SyncOperatorError as error:
        return Ending(ExitCode.REFUSED, str(error))
    except OSError as error:
        return Ending(ExitCode.REFUSED, f"{error.filename or 'a file'} cannot be read: {error.strerror}")
    finally:
        await pool.aclose()
