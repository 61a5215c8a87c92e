"""What goes out, and what is taken in: checked addresses, TLS, proxies, limits. Servers here write raw bytes."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.hostile import hostile_server
from tests.support.hosts import LOCAL
from tests.support.raw import AUTHORITY, Raw, answer, raw_server, served_tls

from sync_operator.errors import (
    BlockedAddressError,
    InvalidSpecError,
    OutcomeUnknownError,
    RejectedError,
    SyncOperatorError,
    TransientError,
)
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.http.ssrf_backend import Resolve
from sync_operator.syncapi.types import Dialect
from sync_operator.util.bounds import MAX_BODY_BYTES, MAX_ITEM_BYTES, MAX_LIST_BYTES
from sync_operator.util.host_patterns import EgressPolicy

type Connect = Callable[..., ApiClient]
REFUSED = (
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    *("2002:a9fe:a9fe::1", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"),
)


class Names:
    """A name service that may change its mind from one question to the next."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        assert port > 0
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients; their connections are closed in the end."""
    pools = []

    def make(
        raw: Raw,
        names: Resolve | None = None,
        *,
        scheme: str = "http",
        host: str = "sync.example",
        ca_pem: str | None = None,
        proxies: tuple[tuple[str, str], ...] = (),
        timeout_seconds: float = 5,
        check: Callable[[], None] | None = None,
    ) -> ApiClient:
        pool = PoolManager(LOCAL, proxies, resolve=names or Names(["127.0.0.1"]), check=check)
        pools.append(pool)
        url = f"{scheme}://{host}:{raw.port}"
        endpoint = Endpoint(url, "1", Dialect.MULTIWOVEN, timeout_seconds=timeout_seconds, ca_pem=ca_pem)
        return ApiClient(endpoint, token=lambda: "planted-token", pool=pool)

    yield make
    for pool in pools:
        await pool.aclose()


async def test_the_address_that_was_checked_is_the_one_connected_to(connect: Connect) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with raw_server() as raw:
        client = connect(raw, names)
        await client.ping()
        assert names.asked == ["sync.example"]
        assert f"Host: sync.example:{raw.port}" in raw.received[0]
        with pytest.raises(BlockedAddressError, match=r"sync\.example stands for 169\.254\.169\.254"):
            await client.ping()
        assert len(raw.received) == 1


class LeaseLostError(Exception):
    """In place of the end of the process."""


class Check:
    """A check that fails from its nth time on."""

    def __init__(self, fails_at: int) -> None:
        self.fails_at = fails_at
        self.made = 0

    def __call__(self) -> None:
        self.made += 1
        if self.made >= self.fails_at:
            raise LeaseLostError


@pytest.mark.parametrize("fails_at", [1, 2])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_nothing_goes_out_that_the_check_does_not_let_out(connect: Connect, scheme: str, fails_at: int) -> None:
    """The first check is before the head of a request, the second before its body."""
    check = Check(fails_at)
    async with raw_server(tls=served_tls() if scheme == "https" else None) as raw:
        client = connect(raw, scheme=scheme, ca_pem=AUTHORITY, check=check)
        with pytest.raises(LeaseLostError):
            await client.syncs.create({"source_id": 1})
        assert check.made == fails_at
        assert raw.received == []

        check.fails_at = 100
        with pytest.raises(OutcomeUnknownError, match="names no id"):
            await client.syncs.create({"source_id": 1})
        assert len(raw.received) == 1


async def test_the_check_is_made_when_the_connection_stands(connect: Connect) -> None:
    """Finding an address and connecting take their time: what was true before may not be so any more."""
    check, order = Check(100), []

    async def names(host: str, port: int) -> list[str]:
        order.append((host, port, check.made))
        return ["127.0.0.1"]

    async with raw_server() as raw:
        await connect(raw, names, check=check).ping()
        assert order == [("sync.example", raw.port, 0)]
        assert check.made > 0


@pytest.mark.parametrize("address", REFUSED)
async def test_no_address_of_a_name_may_be_link_local_or_a_metadata_service(connect: Connect, address: str) -> None:
    async with raw_server() as raw:
        with pytest.raises(BlockedAddressError):
            await connect(raw, Names(["127.0.0.1", address])).ping()
        assert raw.received == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "64:ff9b:1::1"])  # noqa: S104
@pytest.mark.parametrize("rules", [EgressPolicy(insecure=("*.example",)), EgressPolicy(internal=("sync.example:1",))])
async def test_a_name_does_not_lead_to_this_machine_without_being_listed(address: str, rules: EgressPolicy) -> None:
    async with raw_server() as raw:
        pool = PoolManager(rules, resolve=Names([address]))
        endpoint = Endpoint(f"http://sync.example:{raw.port}", "1", Dialect.MULTIWOVEN)
        with pytest.raises(BlockedAddressError, match="SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS"):
            await ApiClient(endpoint, token=lambda: "t", pool=pool).ping()
        await pool.aclose()
        assert raw.received == []


async def test_the_next_address_is_tried_when_one_does_not_answer(connect: Connect) -> None:
    async with raw_server() as raw:
        await connect(raw, Names(["127.0.0.3", "127.0.0.1"])).ping()
        assert len(raw.received) == 1
        with pytest.raises(TransientError, match=r"cannot be reached \(Connection refused\)"):
            await connect(raw, Names(["127.0.0.3", "127.0.0.2"])).ping()
        with pytest.raises(TransientError, match="cannot be reached"):
            await connect(raw, Names([])).ping()


async def test_a_name_that_nobody_knows_is_told_so(connect: Connect) -> None:
    async with raw_server() as raw:
        pool = PoolManager(LOCAL)
        client = ApiClient(
            Endpoint("http://no-such-host.invalid", None, Dialect.MULTIWOVEN), token=lambda: "t", pool=pool
        )
        with pytest.raises(TransientError, match="its name cannot be resolved"):
            await client.ping()
        await pool.aclose()

        async def never(_: str, __: int) -> list[str]:
            await asyncio.Event().wait()
            raise AssertionError

        client = connect(raw, never, timeout_seconds=0.05)
        with pytest.raises(TransientError, match="no connection in time"):
            await client.ping()


async def test_tls_is_judged_by_name_and_by_the_workspaces_own_authority(connect: Connect) -> None:
    async with raw_server(tls=served_tls()) as raw:
        await connect(raw, scheme="https", ca_pem=AUTHORITY).ping()
        with pytest.raises(TransientError, match="its certificate is not trusted: unable to get local issuer"):
            await connect(raw, scheme="https").ping()
        with pytest.raises(TransientError, match="its certificate is not trusted: Hostname mismatch"):
            await connect(raw, scheme="https", host="other.example", ca_pem=AUTHORITY).ping()
        assert len(raw.received) == 1
    async with raw_server() as plain:
        with pytest.raises(TransientError, match="TLS failed"):
            await connect(plain, scheme="https", ca_pem=AUTHORITY).ping()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
async def test_a_create_whose_answer_is_a_damaged_tls_record_may_have_been_carried_out(
    connect: Connect, sent: bytes
) -> None:
    async def spoil(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.transport._ssl_protocol._transport.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)  # type: ignore[attr-defined]

    async with raw_server(spoil, tls=served_tls()) as raw:
        client = connect(raw, scheme="https", ca_pem=AUTHORITY)
        with pytest.raises(OutcomeUnknownError, match=r"POST /syncs: .* was lost \(TLS failed: "):
            await client.syncs.create({})
        with pytest.raises(TransientError, match=r"was lost \(TLS failed: "):
            await client.ping()


@pytest.mark.parametrize("spoiled", ["no certificate", "", AUTHORITY[:100]])
async def test_a_bundle_without_certificates_is_refused(connect: Connect, spoiled: str) -> None:
    async with raw_server() as raw:
        with pytest.raises(InvalidSpecError, match="caSecretRef: holds no certificate"):
            connect(raw, ca_pem=spoiled)


@pytest.mark.parametrize(
    "status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "400 Bad", "422 No", "500 Oh"]
)
async def test_nothing_is_quoted_of_what_has_not_shown_that_it_is_a_sync_server(connect: Connect, status: str) -> None:
    """So that a Workspace cannot read what else answers at an address that only the operator reaches."""
    told = b'{"message": "internal-words", "errors": {"field": ["internal-words"]}}'
    async with raw_server(answer(status, body=told)) as raw:
        for proving in (connect(raw).ping, connect(raw).whoami):
            with pytest.raises(SyncOperatorError, match=status[:3]) as refused:
                await proving()
            assert "internal" not in str(refused.value)
            assert "internal" not in str(getattr(refused.value, "details", ""))


async def test_redirects_are_not_followed_and_cookies_not_kept(connect: Connect) -> None:
    async with raw_server() as other, raw_server() as raw:
        raw.answers[:] = [
            answer("302 Found", headers=f"Location: http://127.0.0.1:{other.port}/\r\nSet-Cookie: a=b\r\n"),
            answer(),
        ]
        client = connect(raw)
        with pytest.raises(TransientError, match="a redirect, which is never followed"):
            await client.ping()
        await client.ping()
        assert other.received == []
        assert "cookie" not in raw.received[1].lower()


@pytest.mark.parametrize(
    "location", ["", "http://[", "http://\xff", "file:///etc/passwd", "//me:planted@h", "a" * 70_000]
)
async def test_no_location_is_even_parsed(connect: Connect, location: str) -> None:
    """A redirect is a clear answer to a create, whatever it leads to: nothing was made."""
    async with raw_server(answer("307 Temporary Redirect", headers=f"Location: {location}\r\n")) as raw:
        with pytest.raises(TransientError, match="POST /syncs was answered with 307: a redirect, which is never"):
            await connect(raw).syncs.create({})
        assert len(raw.received) == 1


async def test_nothing_is_taken_from_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The settings read it. httpx would take proxies, logins and certificate authorities from it."""
    (tmp_path / "netrc").write_text("default login planted password planted")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    async with raw_server() as raw:
        await connect(raw).ping()
        assert "Authorization: Bearer planted-token" in raw.received[0]


async def test_the_http_client_logs_no_request(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with raw_server() as raw:
        await connect(raw).ping()
    assert caplog.records == []


async def test_a_url_that_no_request_can_have_is_refused(connect: Connect) -> None:
    async with raw_server() as raw:
        with pytest.raises(InvalidSpecError, match=r"spec\.url: is not a valid URL"):
            connect(raw, host="999.999.999.999")


async def test_a_transport_speaks_to_its_own_server_only() -> None:
    async with raw_server() as raw, raw_server() as other:
        pool = PoolManager(LOCAL, resolve=Names(["127.0.0.1"]))
        transport = pool.transport(f"http://sync.example:{raw.port}")
        await httpx.AsyncClient(transport=transport).get(f"http://elsewhere.example:{other.port}/path?a=b")
        await pool.aclose()
        assert other.received == []
        assert raw.received[0].startswith("GET /path?a=b HTTP/1.1")


async def test_every_connection_comes_back_however_its_request_ends(connect: Connect) -> None:
    """More requests than an owner may have connections, each given up, refused, cut off or not even connected."""

    arrived = asyncio.Semaphore(0)

    async def silence(_: asyncio.StreamWriter) -> None:
        arrived.release()
        await asyncio.sleep(5)

    names = Names(["127.0.0.1"])
    async with raw_server(silence) as raw:
        client = connect(raw, names, timeout_seconds=5)
        for _ in range(2):
            waiting = [asyncio.create_task(client.ping()) for _ in range(12)]
            for _ in waiting:
                await arrived.acquire()
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        for wire in (b"", answer(body=b"x" * (MAX_BODY_BYTES + 1)), answer("500 Oh")):
            raw.answers[:] = [wire]
            for _ in range(18):
                with pytest.raises(TransientError):
                    await client.ping()
        raw.answers[:] = [answer()]
        names.answers = [["169.254.169.254"]]
        for _ in range(18):
            with contextlib.suppress(BlockedAddressError):
                await client.ping()
        names.answers = [["127.0.0.1"]]
        await asyncio.wait_for(client.ping(), 2)


async def test_an_answer_that_is_too_long_is_not_read(connect: Connect) -> None:
    endless = b'{"data": "' + b"x" * MAX_BODY_BYTES
    async with raw_server(answer(body=endless)) as raw:
        with pytest.raises(OutcomeUnknownError, match=r"longer than 0\.5 MiB"):
            await connect(raw).syncs.create({})
    async with raw_server(answer("400 Bad Request", body=b'{"error": "' + b"x" * 100_000 + b'"}')) as raw:
        with pytest.raises(OutcomeUnknownError, match=r"answered with 400; it may"):
            await connect(raw).syncs.create({})
    async with raw_server(answer("422 Unprocessable", body=b'{"error": "' + b"x" * 60_000 + b'"}')) as raw:
        with pytest.raises(RejectedError) as refused:
            await connect(raw).syncs.create({})
        assert len(str(refused.value)) < 400


async def test_a_list_may_be_longer_than_other_answers(connect: Connect) -> None:
    """It is read item by item, each of which may be as long as an answer about one thing."""
    count = 2 * MAX_BODY_BYTES // 100_000
    async with raw_server(answer(body=a_list(count, 100_000))) as raw:
        listed = await connect(raw).syncs.list()
        assert {sync.id for sync in listed.rows} == {str(number) for number in range(1, count + 1)}
        with pytest.raises(TransientError, match=r"longer than 0\.5 MiB"):
            await connect(raw).ping()


async def test_a_page_of_a_list_that_is_too_long_is_not_read(connect: Connect) -> None:
    async with raw_server(answer(body=b'{"data": [' + b" " * MAX_LIST_BYTES + b"]}")) as raw:
        with pytest.raises(TransientError, match="longer than 8 MiB"):
            await connect(raw).syncs.list()


async def test_a_list_with_an_item_that_is_too_long_is_not_read(connect: Connect) -> None:
    async with raw_server(answer(body=a_list(1, MAX_ITEM_BYTES + 16 * 1024))) as raw:
        words = r"GET /syncs: item 1 of the list is too long: .*52\d KiB, and no more than 512 KiB are read"
        with pytest.raises(TransientError, match=words):
            await connect(raw).syncs.list()


class AllTouched(Sequence[bytes]):
    """Syncs of 8 KiB each, all of which are changed before a list is begun, a few times."""

    def __init__(self, count: int, times: int) -> None:
        self._count = count
        self._times = times
        self._stamp = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        if at.start == 0 and self._stamp < self._times:
            self._stamp += 1
        one = '{"id": %d, "attributes": {"configuration": {"a": "%s"}, "updated_at": "2026-01-01T00:00:0%dZ"}}'
        numbers = range(1, self._count + 1)[at]
        return [(one % (number, "x" * 8192, self._stamp)).encode() for number in numbers]


async def test_a_list_that_is_read_anew_counts_once(connect: Connect) -> None:
    """Five MiB of configurations, read four times, are no sixteen."""
    held = [0]

    def grow(size: int) -> None:
        held.append(held[-1] + size)

    with hostile_server() as hostile:
        hostile.lists("/syncs", AllTouched(600, times=4))
        raw = Raw()
        raw.port = int(hostile.url.rpartition(":")[2])
        listed = await connect(raw).syncs.list(grow)
    assert len(hostile.asked) >= 8
    assert len(listed.rows) == 600
    assert max(held) < 2 * held[-1]


def a_list(count: int, size: int) -> bytes:
    """A list of syncs, with a configuration of so many bytes each."""
    one = '{"id": "%d", "type": "syncs", "attributes": {"configuration": {"a": "' + "x" * size + '"}}}'
    return ('{"data": [' + ", ".join(one % number for number in range(1, count + 1)) + "]}").encode()


async def test_an_answer_that_drips_is_cut_off(connect: Connect) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(200):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(drip) as raw:
        with pytest.raises(TransientError, match=r"was lost \(not finished in time\)"):
            await connect(raw, timeout_seconds=0.1).ping()


async def test_silence_is_not_waited_for(connect: Connect) -> None:
    async def silence(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2)

    async with raw_server(silence) as raw:
        with pytest.raises(TransientError, match=r"was lost \(silent for too long\)"):
            await connect(raw, timeout_seconds=0.1).ping()


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b'{"data": []}', mtime=0),
        b"[" * 200_000,
        b"\xff\xfe",
        b"<html>",
        b"",
        b'{"id": ' + b"9" * 9999 + b"}",
    ],
)
async def test_only_plain_json_is_read(connect: Connect, body: bytes) -> None:
    async with raw_server(answer(body=body, headers="Content-Encoding: gzip\r\n")) as raw:
        with pytest.raises(TransientError, match="no JSON"):
            await connect(raw).ping()
        assert "accept-encoding: identity" in raw.received[0].lower()


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_is_told_so_without_quoting_it(connect: Connect, wire: bytes) -> None:
    async with raw_server(wire) as raw:
        with pytest.raises(TransientError, match=r"was lost \(it hung up, or does not speak HTTP\)"):
            await connect(raw).ping()
        with pytest.raises(OutcomeUnknownError):
            await connect(raw).syncs.create({})


async def test_a_proxy_of_the_environment_is_used_and_resolves_by_itself(connect: Connect) -> None:
    names = Names(["127.0.0.1"])
    async with raw_server() as proxy, raw_server() as raw:
        through = (("HTTP_PROXY", f"http://someone:planted-pa%24s@127.0.0.1:{proxy.port}"),)
        await connect(raw, names, proxies=through).ping()
        assert proxy.received[0].startswith(f"GET http://sync.example:{raw.port}/api/v1/syncs?page=1 HTTP/1.1")
        assert "proxy-authorization: basic c29tzw9uztpwbgfudgvkl" in proxy.received[0].lower()
        assert names.asked == []
        await connect(raw, names, proxies=(*through, ("no_proxy", ".example"))).ping()
        assert len(raw.received) == 1


async def test_a_proxy_that_refuses_shows_no_credentials(connect: Connect) -> None:
    async with raw_server(answer("407 Proxy Authentication Required")) as proxy, raw_server() as raw:
        through = (("https_proxy", f"someone:planted-pass@127.0.0.1:{proxy.port}"),)
        with pytest.raises(TransientError, match=r"cannot be reached: the proxy 127\.0\.0\.1:[0-9]+ .* 407") as refused:
            await connect(raw, scheme="https", proxies=through).ping()
        assert "planted" not in str(refused.value)
        assert proxy.received[0].startswith(f"CONNECT sync.example:{raw.port} HTTP/1.1")


async def test_nobody_waits_for_the_connections_of_somebody_else() -> None:
    """A server takes all that one owner may have, and answers none of them."""
    asked: list[str] = []
    all_asked, let_go = asyncio.Event(), asyncio.Event()

    async def talk(writer: asyncio.StreamWriter) -> None:
        asked.append("")
        if len(asked) == 16:
            all_asked.set()
        if len(asked) <= 16:
            await let_go.wait()
        writer.write(answer())

    async with raw_server(talk) as raw:
        pool = PoolManager(LOCAL)

        def client(owner: str, timeout_seconds: float = 5) -> ApiClient:
            url = f"http://127.0.0.1:{raw.port}"
            endpoint = Endpoint(url, "1", Dialect.MULTIWOVEN, timeout_seconds=timeout_seconds, owner=("team", owner))
            return ApiClient(endpoint, token=lambda: "token", pool=pool)

        slow = [asyncio.create_task(client("slow").ping()) for _ in range(16)]
        await all_asked.wait()
        await client("other").ping()
        with pytest.raises(TransientError, match=r"cannot be reached \(all connections were busy for too long\)"):
            await client("slow", 0.1).syncs.create({})
        let_go.set()
        await asyncio.gather(*slow)
        pool.forget(("team", "slow"))
        pool.forget(("team", "nobody"))
        await client("slow").ping()
        await pool.aclose()


async def test_each_namespace_has_its_own_way_to_look_names_up() -> None:
    asked: list[tuple[str, str]] = []

    def resolver(namespace: str) -> Resolve:
        async def look(host: str, _: int) -> list[str]:
            asked.append((namespace, host))
            return ["127.0.0.1"]

        return look

    async with raw_server(answer()) as raw:
        pool = PoolManager(LOCAL, resolver=resolver)
        for namespace in ("a", "b"):
            url = f"http://sync.example:{raw.port}"
            endpoint = Endpoint(url, "1", Dialect.MULTIWOVEN, timeout_seconds=5, owner=(namespace, "default"))
            await ApiClient(endpoint, token=lambda: "token", pool=pool).ping()
        await pool.aclose()
    assert asked == [("a", "sync.example"), ("b", "sync.example")]


async def test_what_an_owner_changes_again_and_again_is_not_kept_for_ever() -> None:
    pool = PoolManager(LOCAL)
    owner = ("team", "default")
    first = pool.transport("http://127.0.0.1:1", owner=owner)
    async with raw_server(answer()) as raw:
        for number in range(20):
            ca_pem = AUTHORITY + "\n" * number
            connection = pool.transport(f"https://127.0.0.1:{raw.port}", ca_pem, owner)
            assert pool.transport(f"https://127.0.0.1:{raw.port}", ca_pem, owner) is connection
        await asyncio.wait(pool._closing)
        await asyncio.sleep(0)
        assert pool.entry_counts() == {"endpoints": 4, "connections": 0, "tls_contexts": 4}
        assert len(pool._transports[owner]) == 4
        assert pool.transport("http://127.0.0.1:1", owner=owner) is not first
    await pool.aclose()
