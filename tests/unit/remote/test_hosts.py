from ipaddress import ip_address

import pytest

from sync_operator.errors import InvalidSpecError
from sync_operator.remote.hosts import check_url, is_refused
from sync_operator.settings import HostRules

ANY = HostRules()


@pytest.mark.parametrize(
    ("url", "rules"),
    [
        ("https://api.squared.ai", ANY),
        ("https://API.example.com:8443/base", HostRules(allowed=("api.example.com",))),
        ("https://a.b.example.com", HostRules(allowed=("*.example.com",))),
        ("http://127.0.0.1:3000", HostRules(insecure=("127.0.0.1",))),
        ("http://multiwoven.default.svc", HostRules(insecure=("*.default.svc",))),
        ("https://[2001:db8::1]:3000", ANY),
        ("https://10.0.0.1", ANY),
    ],
)
def test_these_servers_may_be_spoken_to(url: str, rules: HostRules) -> None:
    check_url(url, rules)


@pytest.mark.parametrize(
    ("url", "rules", "words"),
    [
        ("ftp://example.com", ANY, "is no http or https URL"),
        ("https://", ANY, "is no http or https URL"),
        ("https://example.com:99999", ANY, "is no http or https URL"),
        ("https://exämple.com", ANY, "is no http or https URL"),
        ("https://user:planted@example.com", ANY, "may carry no credentials"),
        ("https://example.com?a=b", ANY, "may carry no credentials, query"),
        ("http://example.com", ANY, "must be https"),
        ("http://example.com", HostRules(insecure=("*.example.com",)), "must be https"),
        ("https://other.com", HostRules(allowed=("example.com", "*.example.com")), "is not among the allowed hosts"),
        ("https://badexample.com", HostRules(allowed=("*.example.com",)), "is not among the allowed hosts"),
        ("https://169.254.169.254", HostRules(allowed=("169.254.169.254",)), "link-local"),
        ("https://169.254.169.254.", ANY, "link-local"),
        ("https://[fe80::1]", ANY, "link-local"),
        ("https://[::ffff:a9fe:a9fe]", ANY, "link-local"),
        ("https://2852039166", ANY, "link-local"),
        ("https://0xa9fea9fe/x", ANY, "link-local"),
        ("https://169.254.43518", ANY, "link-local"),
        ("https://0251.0376.0251.0376", ANY, "link-local"),
        ("https://168.63.129.16", ANY, "metadata service"),
    ],
)
def test_these_are_refused_with_a_reason(url: str, rules: HostRules, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        check_url(url, rules, field="SYNC_API_URL")
    assert refused.value.field == "SYNC_API_URL"
    assert words in str(refused.value)
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize("text", ["8.8.8.8", "127.0.0.1", "10.1.2.3", "::1", "2001:db8::1", "64:ff9b::808:808"])
def test_ordinary_addresses_are_not_refused(text: str) -> None:
    assert not is_refused(ip_address(text))
