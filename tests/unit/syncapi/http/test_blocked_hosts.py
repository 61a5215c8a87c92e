from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.http.blocked_hosts import address_refusal, check_url
from sync_operator.util.host_patterns import EgressPolicy, HostPattern

ANY = EgressPolicy()


@pytest.mark.parametrize(
    ("url", "rules"),
    [
        ("https://api.squared.ai", ANY),
        ("https://API.example.com:8443/base", EgressPolicy(allowed=("api.example.com",))),
        ("https://a.b.example.com", EgressPolicy(allowed=("*.example.com",))),
        ("http://127.0.0.1:3000", EgressPolicy(insecure=("127.0.0.1",))),
        ("http://multiwoven.default.svc", EgressPolicy(insecure=("*.default.svc",))),
        ("https://[2001:db8::1]:3000", ANY),
        ("https://10.0.0.1", ANY),
        ("https://api.example.com", EgressPolicy(allowed=("api.example.com:443",))),
        ("https://api.example.com:8443", EgressPolicy(allowed=("*.example.com:8443",))),
        ("https://anything.example.org", EgressPolicy(allowed=("*",))),
        ("https://10.1.2.3:8443", EgressPolicy(allowed=("10.0.0.0/8:8443",))),
        ("http://sandbox.test:3000", EgressPolicy(insecure=("sandbox.test:3000",))),
        ("https://127.0.0.1:8443", EgressPolicy(internal=("127.0.0.1",))),
        ("https://127.0.0.1:8443", EgressPolicy(internal=("127.0.0.0/8:8443",))),
        ("https://[::1]:8443", EgressPolicy(allowed=("[::1]:8443",))),
        ("https://10.96.0.1", EgressPolicy(internal=("10.96.0.1",), cluster=("10.96.0.0/12",))),
        ("https://10.112.0.1", EgressPolicy(cluster=("10.96.0.0/12",))),
    ],
)
def test_these_servers_may_be_spoken_to(url: str, rules: EgressPolicy) -> None:
    check_url(url, rules)


@pytest.mark.parametrize(
    ("url", "rules", "words"),
    [
        ("ftp://example.com", ANY, "is not an http or https URL"),
        ("https://", ANY, "is not an http or https URL"),
        ("https://example.com:99999", ANY, "is not an http or https URL"),
        ("https://exämple.com", ANY, "is not an http or https URL"),
        ("https://user:planted@example.com", ANY, "may carry no credentials"),
        ("https://example.com?a=b", ANY, "may carry no credentials, query"),
        ("http://example.com", ANY, "must be https"),
        ("http://example.com", EgressPolicy(insecure=("*.example.com",)), "must be https"),
        ("https://other.com", EgressPolicy(allowed=("example.com", "*.example.com")), "is not among the allowed hosts"),
        ("https://badexample.com", EgressPolicy(allowed=("*.example.com",)), "is not among the allowed hosts"),
        ("https://169.254.169.254", EgressPolicy(allowed=("169.254.169.254",)), "link-local"),
        ("https://169.254.169.254.", ANY, "link-local"),
        ("https://[fe80::1]", ANY, "link-local"),
        ("https://[::ffff:a9fe:a9fe]", ANY, "link-local"),
        ("https://2852039166", ANY, "link-local"),
        ("https://0xa9fea9fe/x", ANY, "link-local"),
        ("https://169.254.43518", ANY, "link-local"),
        ("https://0251.0376.0251.0376", ANY, "link-local"),
        ("https://168.63.129.16", ANY, "metadata service"),
        ("https://192.0.0.192", ANY, "metadata service"),
        ("https://[fd00:ec2::23]", ANY, "metadata service"),
        ("https://[::169.254.169.254]", ANY, "link-local"),
        ("https://169.254.169.254", EgressPolicy(internal=("169.254.169.254",)), "link-local"),
        (
            "https://api.example.com:444",
            EgressPolicy(allowed=("api.example.com:443",)),
            "com:444 is not among",
        ),
        ("https://a.example.com", EgressPolicy(allowed=("*.example.com:8443",)), "is not among the allowed hosts"),
        ("https://10.1.2.3", EgressPolicy(allowed=("10.2.0.0/16",)), "is not among the allowed hosts"),
        ("http://sandbox.test:3001", EgressPolicy(insecure=("sandbox.test:3000",)), "must be https"),
        ("https://127.0.0.1", ANY, "SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS"),
        ("https://127.0.0.1:8443", EgressPolicy(internal=("127.0.0.1:8444",)), "loopback"),
        ("https://127.0.0.1", EgressPolicy(allowed=("*",)), "loopback"),
        ("https://127.1", ANY, "loopback"),
        ("https://[::1]:8443", ANY, "loopback"),
        ("https://[::ffff:127.0.0.1]", ANY, "loopback"),
        ("https://0.0.0.0", ANY, "loopback"),
        ("https://0", ANY, "loopback"),
        ("https://[::]", ANY, "loopback"),
        ("https://[64:ff9b:1::1]", ANY, "one of the cluster's own"),
        ("https://[64:ff9b::7f00:1]", ANY, "loopback"),
        ("https://10.96.0.1", EgressPolicy(cluster=("10.96.0.0/12",)), "one of the cluster's own"),
        ("https://10.96.0.1", EgressPolicy(own=("10.96.0.1",)), "one of the cluster's own"),
        ("https://[::ffff:10.96.0.1]", EgressPolicy(own=("10.96.0.1",)), "one of the cluster's own"),
    ],
)
def test_these_are_refused_with_a_reason(url: str, rules: EgressPolicy, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        check_url(url, rules, field="SYNC_API_URL")
    assert refused.value.field == "SYNC_API_URL"
    assert words in str(refused.value)
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize("text", ["8.8.8.8", "10.1.2.3", "2001:db8::1", "64:ff9b::808:808", "2600::1"])
def test_ordinary_addresses_are_not_refused(text: str) -> None:
    assert not address_refusal(ip_address(text), "api.example.com", 443, ANY)


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        (ANY, True),
        (EgressPolicy(allowed=("*.example.com",)), True),
        (EgressPolicy(insecure=("*.example.com",), internal=("*",)), True),
        (EgressPolicy(allowed=("api.example.com:80",)), True),
        (EgressPolicy(allowed=("api.example.com",)), False),
        (EgressPolicy(internal=("api.example.com:443",)), False),
        (EgressPolicy(internal=("10.96.0.0/12",)), False),
    ],
)
def test_a_name_leads_into_the_cluster_only_where_it_or_the_address_is_listed(
    rules: EgressPolicy, refused: bool
) -> None:
    """A domain does not open it: whoever may make names below the domain would choose the address."""
    within = replace(rules, cluster=("10.96.0.0/12",))

    assert bool(address_refusal(ip_address("10.96.0.7"), "API.example.com", 443, within)) is refused


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("API.example.com", HostPattern("api.example.com", None, None)),
        ("*.svc:80", HostPattern("*.svc", None, 80)),
        ("10.0.0.0/8:443", HostPattern("", ip_network("10.0.0.0/8"), 443)),
        ("fd00::/8", HostPattern("", ip_network("fd00::/8"), None)),
        ("::1", HostPattern("", ip_network("::1"), None)),
        ("[::1]", HostPattern("", ip_network("::1"), None)),
        ("[fd00::/8]:3000", HostPattern("", ip_network("fd00::/8"), 3000)),
    ],
)
def test_a_pattern_is_read(text: str, read: HostPattern) -> None:
    assert HostPattern.parse(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://a",
        "a b",
        "a:",
        "a:0",
        "a:65536",
        "a:x",
        "[a]:1",
        "[::1]x",
        "::1:x",
        "*a",
        "a/8",
        "10.0.0.0/33",
        "a:²",
    ],
)
def test_what_is_no_pattern_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a host; write a name|the port is not a number"):
        HostPattern.parse(text)
