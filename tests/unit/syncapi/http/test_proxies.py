import pytest

from sync_operator.syncapi.http.proxies import proxy_for

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        ("https://api.example.com", ""),
        ("https://api.example.com", "example.org, ample.com"),
        ("https://api.example.com:8443", "api.example.com:443"),
        ("https://10.1.2.3", "192.168.0.0/16,10.1.2.4"),
        ("https://api.example.com", "10.0.0.0/8"),
        ("https://[2001:db8::1]", "2001:db8::2"),
        ("https://api.example.com", " , ."),
    ],
)
def test_servers_outside_of_no_proxy_are_reached_through_the_proxy(url: str, no_proxy: str) -> None:
    proxy = proxy_for(url, {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})
    assert proxy is not None
    assert (proxy.proxy.url.host, proxy.proxy.url.port, proxy.proxy.auth) == (b"proxy", 3128, None)


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        ("https://api.example.com", "*"),
        ("https://api.example.com", "other, EXAMPLE.com"),
        ("https://api.example.com", ".example.com"),
        ("https://api.example.com", "*.example.com"),
        ("https://api.example.com", "api.example.com:443"),
        ("https://api.example.com:8443", "example.com:8443"),
        ("https://10.1.2.3", "10.0.0.0/8"),
        ("https://10.1.2.3", "10.1.2.3"),
        ("https://[2001:db8::1]", "2001:db8::/32"),
        ("https://[2001:db8::1]", "[2001:db8::1]"),
        ("http://api.example.com", ""),
    ],
)
def test_others_are_reached_directly(url: str, no_proxy: str) -> None:
    assert proxy_for(url, {"HTTPS_PROXY": PROXY, "no_proxy": no_proxy}) is None


def test_a_proxy_may_ask_for_credentials() -> None:
    proxy = proxy_for("http://api.example.com", {"http_proxy": "me:p%40ss@proxy:3128"})
    assert proxy is not None
    assert (proxy.proxy.url.host, proxy.proxy.url.port) == (b"proxy", 3128)
    assert proxy.proxy.auth == (b"me", b"p@ss")


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://me:pass@proxy:3128", "the proxy proxy:3128 (Http_Proxy)"),
        ("proxy", "the proxy proxy (Http_Proxy)"),
        ("https://me@[2001:db8::1]:3128/x", "the proxy [2001:db8::1]:3128 (Http_Proxy)"),
    ],
)
def test_a_proxy_is_shown_without_its_login(proxy: str, shown: str) -> None:
    assert str(proxy_for("http://api.example.com", {"Http_Proxy": proxy})) == shown
