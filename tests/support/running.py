"""The operator's own commands as processes: sandbox and controller, as a user starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import httpx
from tests.support.manifests import BY_NAME
from tests.support.plane import IMAGE, Plane

__all__ = [
    "GRACE_SECONDS",
    "PORTS",
    "PROGRAM",
    "TOKEN",
    "Controller",
    "Sandbox",
    "eventually",
    "is_new",
    "running_controller",
    "running_sandbox",
]

PROGRAM: Final = Path(sys.executable).with_name("sync-operator")
TOKEN: Final = "sandbox-token"
_PATIENCE: Final = 90.0
GRACE_SECONDS: Final = 45
"""Seconds that a controller is given to stop, as the chart gives them to its pod."""
PORTS: Final = "PORTS_OF_TESTS"
"""Environment variable: the folder in which a run of the tests notes the ports that it has used."""


def eventually[T](look: Callable[[], T | None], what: str, *, seconds: float = _PATIENCE) -> T:
    """Look until something true is seen: the cluster works at its own pace.

    Raises:
        AssertionError: it was not seen in that time.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not seen in {seconds:.0f} s: {what}"
        time.sleep(0.1)


class Sandbox:
    """A running sandbox and its control API."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        self.url = url
        self._token = token
        self._http = httpx.Client(base_url=f"{url}/sandbox", trust_env=False, timeout=10)

    def requests(self, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """What was received, by method and part of the path."""
        received: list[dict[str, Any]] = self._http.get("/requests").json()
        return [entry for entry in received if method in {"", entry["method"]} and path in entry["path"]]

    def forget_requests(self) -> None:
        self._http.delete("/requests")

    def fault(self, **fields: Any) -> None:
        assert self._http.post("/faults", json=fields).status_code == 200

    def clear_faults(self) -> None:
        self._http.delete("/faults")

    def outcome(self, **fields: Any) -> None:
        assert self._http.post("/outcomes", json=fields).status_code == 200

    def catalog(self, destination: int, *streams: str | dict[str, Any]) -> None:
        """Give a destination these streams alone: names, or objects with ``batch_support``."""
        assert self._http.put(f"/catalogs/{destination}", json=streams).status_code == 200

    def edit(self, sync_id: str, **attributes: Any) -> None:
        assert self._http.patch(f"/syncs/{sync_id}", json=attributes).status_code == 200

    def name(self, kind: str, number: int, name: str, workspace_id: int = 1, *, source: int = 1) -> None:
        """Give the source, destination or model of an id a name; a model reads from a source."""
        more: dict[str, Any] = {"connector_id": source} if kind == "model" else {"kind": kind}
        body = {"name": name, "workspace_id": workspace_id} | more
        assert self._http.put(f"/{_list_of(kind)}/{number}", json=body).status_code == 200

    def name_all(self, source: int = 1, destination: int = 2, model: int = 3) -> None:
        """Let the names of `BY_NAME` lead to these ids, by default those of all other specs."""
        for kind, number in (("source", source), ("destination", destination)):
            self.name(kind, number, BY_NAME[f"{kind}Ref"]["serverName"])
        self.name("model", model, BY_NAME["modelRef"]["serverName"], source=source)

    def unname(self, kind: str, number: int) -> None:
        """Somebody deletes it, with its syncs."""
        assert self._http.delete(f"/{_list_of(kind)}/{number}").status_code == 200

    def user(self, email: str, password: str) -> None:
        assert self._http.put(f"/users/{email}", json={"password": password}).status_code == 200

    def token(self, token: str, email: str, workspace: int = 1) -> None:
        """Let a token work: of another user, or (with a workspace that was not there before) of another account."""
        body = {"email": email, "workspaces": [workspace]}
        assert self._http.put(f"/tokens/{token}", json=body).status_code == 200

    def revoke(self, token: str) -> None:
        """Let a token work no more."""
        assert self._http.delete(f"/tokens/{token}").status_code == 200

    def syncs(self) -> list[dict[str, Any]]:
        """Syncs that were not deleted."""
        stored: list[dict[str, Any]] = self._http.get("/state").json()["syncs"]
        return [sync for sync in stored if not sync["deleted"]]

    def rebuilt(self, *syncs: dict[str, Any], next_sync: int | None = None) -> None:
        """The server is rebuilt, restored or replaced: it has these syncs alone, as `syncs` tells them."""
        body = {"syncs": syncs} | ({} if next_sync is None else {"next_sync": next_sync})
        assert self._http.put("/state", json=body).status_code == 200

    def state(self) -> dict[str, Any]:
        """Everything that is stored, with secrets in clear text."""
        stored: dict[str, Any] = self._http.get("/state").json()
        return stored

    def control(self, method: str, path: str, json: Any = None) -> None:
        """A call of the control API."""
        answer = self._http.request(method, path, json=json)
        assert answer.is_success, answer.text

    def runs(self) -> list[dict[str, Any]]:
        """Every run, with its present status."""
        stored: list[dict[str, Any]] = self._http.get("/state").json()["runs"]
        return stored

    def call(self, method: str, path: str, **json: Any) -> httpx.Response:
        """A call of the API, as somebody else makes it."""
        headers = {"Authorization": f"Bearer {self._token}", "Workspace-Id": "1"}
        return httpx.request(method, f"{self.url}/api/v1{path}", headers=headers, json=json or None, trust_env=False)

    def close(self) -> None:
        self._http.close()


@contextmanager
def running_sandbox(folder: Path, *options: str, token: str = TOKEN) -> Iterator[Sandbox]:
    """Start a sandbox on a free port, one that no sandbox of this run of the tests has had before.

    Syncs of tests that are over stay, with the ids of their time: a new server at the same URL would take them for its
    own, and they its syncs.
    """
    token_file = folder / "sandbox.token"
    token_file.write_text(token)
    command: list[str | Path] = [PROGRAM, "sandbox", "--port", "0", "--token-file", token_file, *options]
    with ExitStack() as stack:
        url = _started(stack, command, folder / "sandbox.log")
        # One that was started in vain keeps running, so that the next one gets another port.
        while not is_new(int(url.rpartition(":")[2])):
            url = _started(stack, command, folder / f"sandbox-{token_hex(4)}.log")
        sandbox = Sandbox(url, token)
        try:
            yield sandbox
        finally:
            sandbox.close()


def is_new(port: int) -> bool:
    """Note a port; whether nobody has, neither this process nor another worker of the same run."""
    if PORTS not in os.environ:  # no run of the tests, but a benchmark, which leaves no Syncs behind
        return True
    try:
        (Path(os.environ[PORTS]) / str(port)).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Controller:
    """A controller that can be killed and started again.

    Args:
        plane: the control plane.
        folder: for its logs.
        wrapper: a command that runs the one which is given to it as arguments.
        environment: variables that differ from those of all tests.

    Attributes:
        arguments: after the command.
    """

    def __init__(self, plane: Plane, folder: Path, wrapper: tuple[str, ...] = (), /, **environment: str) -> None:
        self.arguments: tuple[str, ...] = ()
        self._wrapper = wrapper
        self._folder = folder
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {
            "KUBECONFIG": str(plane.kubeconfig),
            "SYNC_OPERATOR_RUNNER_IMAGE": IMAGE,
            "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "127.0.0.1",
            "SYNC_OPERATOR_HEALTH_PORT": "0",
            "SYNC_OPERATOR_METRICS_PORT": "0",
            "SYNC_OPERATOR_LOG_LEVEL": "DEBUG",
            "SYNC_OPERATOR_RELIST_SECONDS": "10",
            "SYNC_OPERATOR_CREATE_SETTLE_SECONDS": "2",
            **environment,
        }

    @property
    def log(self) -> Path:
        return self._folder / f"controller-{self._starts}.log"

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            AssertionError: it has ended, or takes too long.
        """
        self.begin()
        eventually(self._is_ready, "the controller to be ready")

    def _is_ready(self) -> bool:
        ended = self.ended
        ready = _line(self.log, '"message": "ready"') is not None
        assert ready or ended is None, f"the controller ended with {ended}: {self.log.read_text()[-3000:]}"
        return ready

    @property
    def ended(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    @property
    def memory_peak(self) -> float:
        """MiB of memory that its process has had at most."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

    def begin(self) -> None:
        """Start it without waiting until it is ready."""
        self._starts += 1
        environment = os.environ | self._environment
        with self.log.open("wb") as sink:
            command: list[str | Path] = [*self._wrapper, PROGRAM, "controller", *self.arguments]
            self._process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code. One that does not end in time is killed, as the kubelet does."""
        assert self._process is not None
        self._process.send_signal(how)
        try:
            return self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # it must not trouble the next test
            return self._process.wait()


@contextmanager
def running_controller(
    plane: Plane, folder: Path, wrapper: tuple[str, ...] = (), /, **environment: str
) -> Iterator[Controller]:
    """Start a controller, and stop it in the end."""
    controller = Controller(plane, folder, wrapper, **environment)
    try:
        controller.start()
        yield controller
    finally:
        code = controller.stop()
    assert code == 0, controller.log.read_text()[-3000:]


@contextmanager
def _process(
    command: Sequence[str | Path], log: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=os.environ | environment)
    try:
        yield process, log
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()  # one that did not end must not trouble the next test; no harm to one that did
            process.wait()


def _started(stack: ExitStack, command: Sequence[str | Path], log: Path) -> str:
    """Start a sandbox, and return its URL."""
    # Contract tests measure what it covers; measured here once more, it would only be slow.
    stack.enter_context(_process(command, log, {"COVERAGE_PROCESS_CONFIG": ""}))
    return eventually(lambda: _line(log, "sandbox ready on"), "the sandbox's first line").split()[3]


def _list_of(kind: str) -> str:
    return "models" if kind == "model" else "connectors"


def _line(log: Path, words: str) -> str | None:
    return next((line for line in log.read_text().splitlines() if words in line), None)
