"""Which servers may be spoken to."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from sync_operator.errors import InvalidSpecError
from sync_operator.settings import HostRules

__all__ = ["check_url"]


def check_url(url: str, rules: HostRules, *, field: str = "spec.url") -> None:
    """Refuse a URL that the rules do not allow.

    Args:
        url: base URL of a server.
        rules: the controller's host rules.
        field: where the URL was written, for the message.

    Raises:
        InvalidSpecError: not http(s), carries credentials, not allowed, link-local, or plain http where https is due.
    """
    parts = urlsplit(url)
    try:
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host = ""
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidSpecError(field, "is no http or https URL with a host; write it like https://api.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidSpecError(field, "may carry no credentials, query or fragment; give scheme, host and path only")
    if _link_local(host):
        raise InvalidSpecError(field, f"host {host} is link-local, which is never a sync server; use its real name")
    if rules.allowed and not any(_fits(host, pattern) for pattern in rules.allowed):
        raise InvalidSpecError(
            field, f"host {host} is not among the allowed hosts; ask for it in SYNC_OPERATOR_ALLOWED_HOSTS"
        )
    if parts.scheme == "http" and not any(_fits(host, pattern) for pattern in rules.insecure):
        raise InvalidSpecError(
            field, f"must be https, unless SYNC_OPERATOR_ALLOW_INSECURE_HOSTS of the operator names {host}"
        )


def _fits(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _link_local(host: str) -> bool:
    try:
        return ip_address(host).is_link_local
    except ValueError:
        return False
