"""`sync-operator runner`: what a run pod does. Its exit code and termination message report the run."""

import argparse
import asyncio
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Final

from sync_operator.errors import InvalidSettingsError, InvalidSpecError, NotFoundError, SyncOperatorError
from sync_operator.log import configure_logging
from sync_operator.runner.follow import Follower
from sync_operator.runner.outcome import ExitCode, RunOutcome, crash, termination_message
from sync_operator.runner.retry import Retrier, RetryExhaustedError, TokenFile
from sync_operator.runner.server_clock import Clock
from sync_operator.settings import RunnerSettings
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.blocked_hosts import check_url
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.types import Dialect, RemoteRun

__all__ = ["add_arguments", "main"]

_log = logging.getLogger(__name__)
_EPILOG: Final = f"""\
It is not meant for people: the Job of a Sync's CronJob starts it in a run pod, whose environment the operator sets.
It triggers the sync on its server, logs how the run goes, judges it by its rows, and ends with it. To run a Sync now,
set the annotation squared.ai/run-requested-at on it.

environment:
  SYNC_ID, SYNC_API_URL, SYNC_API_TOKEN_FILE
                         the server's id of the sync, the server's URL without /api/v1, and the file that holds the
                         API token: required; the token is read again when the server refuses it
  SYNC_API_WORKSPACE_ID, SYNC_API_DIALECT, SYNC_API_CA_FILE
                         workspace on the server; Multiwoven (default) or Documented; file with the certificates to
                         trust (default: the system's)
  SYNC_RUN_TIMEOUT, SYNC_RUN_RETRIES, SYNC_MAX_FAILED_ROWS_PERCENT
                         spec.run of the Sync: timeout (2h30m; default: none), retries (default: 0), and the share of
                         rows that may be refused (default: 0)
  SYNC_RUN_NAME, SYNC_RUN_SINCE, SYNC_REGISTERED_AT
                         name of the Job, time of a run request, and when the server made the sync: they tell which
                         run is this Job's, and whose sync it is
  SYNC_OPERATOR_ALLOWED_HOSTS, SYNC_OPERATOR_ALLOW_INSECURE_HOSTS, SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS,
  SYNC_OPERATOR_CLUSTER_NETWORKS, SYNC_OPERATOR_POD_IPS, HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                         as for the controller
  LOG_FORMAT             text (default) or json

exit codes:
  {ExitCode.DELIVERED:d}    the rows were delivered
  {ExitCode.FAILED:d}    the run failed, or too many rows were refused
  {ExitCode.REFUSED:d}    the configuration is wrong, or the server refused the run
  {ExitCode.UNREACHABLE:d}    the server was not reached
  {ExitCode.CANCELED:d}    the run was canceled
  {ExitCode.CRASHED:d}   a defect of the runner itself; it says nothing about the run
  {ExitCode.HANDED_OVER:d}  the pod was told to stop (SIGTERM); the run goes on, and the next pod follows it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option for the path of the termination message; everything else comes from the environment."""
    parser.add_argument(
        "--termination-message",
        type=Path,
        default=Path("/dev/termination-log"),
        metavar="PATH",
        help="file that the result is written to as JSON (default: %(default)s)",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Start one run and follow it.

    Returns:
        An `ExitCode`.
    """
    try:
        settings = RunnerSettings.from_environment()
        check_url(settings.api_url, settings.hosts, field="SYNC_API_URL")
    except (InvalidSettingsError, InvalidSpecError) as error:
        sys.stderr.write(f"sync-operator runner: {error}\n")
        outcome = RunOutcome(ExitCode.REFUSED, str(error))
    else:
        configure_logging(settings.log)
        try:
            outcome = asyncio.run(_run(settings))
        except Exception as error:  # noqa: BLE001 (Python's own exit code for this is 1, which means "the run failed")
            outcome = _crash(error)
        level = logging.INFO if outcome.code in {ExitCode.DELIVERED, ExitCode.HANDED_OVER} else logging.ERROR
        _log.log(level, outcome.message, extra={"exit_code": int(outcome.code)})
    try:
        args.termination_message.write_text(termination_message(outcome), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"sync-operator runner: {args.termination_message} cannot be written: {error.strerror}\n")
    return int(outcome.code)


async def _run(settings: RunnerSettings) -> RunOutcome:
    pool = PoolManager(settings.hosts, settings.proxies)
    try:
        return await _until_sigterm(_follower(settings, pool))
    except InvalidSpecError as error:
        return RunOutcome(ExitCode.REFUSED, str(error))
    except OSError as error:
        return RunOutcome(ExitCode.REFUSED, f"{error.filename or 'a file'} cannot be read: {error.strerror}")
    finally:
        await pool.aclose()


def _follower(settings: RunnerSettings, pool: PoolManager) -> Follower:
    ca_pem = settings.ca_file.read_text(encoding="utf-8", errors="replace") if settings.ca_file is not None else None
    endpoint = Endpoint(settings.api_url, settings.workspace_id, Dialect(settings.dialect), ca_pem=ca_pem)
    token, clock = TokenFile(settings.token_file), Clock(time.monotonic, asyncio.sleep)
    return Follower(ApiClient(endpoint, token=token, pool=pool), settings, clock, Retrier(clock, token.text))


async def _until_sigterm(follower: Follower) -> RunOutcome:
    """Follow the run until it ends, or until a SIGTERM (drain, preemption, deletion of the pod).

    A SIGTERM does not cancel the run on the server, nor interrupt its canceling after the runner's own timeout.
    """
    work = asyncio.create_task(follower.follow())

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
        return RunOutcome(ExitCode.HANDED_OVER, f"told to stop: {seen}, and the next pod of this Job follows it")
    except RetryExhaustedError as error:
        return RunOutcome(ExitCode.UNREACHABLE, f"{error}{_unwatched(follower)}")
    except NotFoundError as error:
        return RunOutcome(ExitCode.REFUSED, str(error))
    except SyncOperatorError as error:
        return RunOutcome(ExitCode.REFUSED, f"{error}{_unwatched(follower)}")
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 (as in main, where the run is not known)
        return _crash(error, follower.run)


def _crash(error: Exception, run: RemoteRun | None = None) -> RunOutcome:
    _log.error("the runner failed unexpectedly", exc_info=error)
    return crash(error, run)


def _unwatched(follower: Follower) -> str:
    run = follower.run
    return f"; run {run.id} goes on unwatched" if run is not None and not run.status.finished else ""
