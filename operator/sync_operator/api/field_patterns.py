"""Patterns of string fields in manifests, and the message for a value that does not match."""

from typing import Final

__all__ = [
    "DIGITS",
    "DNS_NAME",
    "KEY",
    "LABEL",
    "NOT_BLANK",
    "PATTERN_MESSAGES",
    "POINTER",
    "QUANTITY",
    "RESOURCE_NAME",
]

DIGITS: Final = r"^[0-9]+$"
DNS_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
RESOURCE_NAME: Final = r"^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$"
"""The same as `DNS_NAME`, in a field beside which a name of the server may stand."""
KEY: Final = r"^[-._a-zA-Z0-9]+$"
LABEL: Final = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
NOT_BLANK: Final = r"[^ \t\r\n]"
QUANTITY: Final = r"^[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
POINTER: Final = r"^(/([^~/]|~[01])+)+$"

PATTERN_MESSAGES: Final = {
    DIGITS: "is not an id of the server; write its digits, in quotes, such as '42'",
    DNS_NAME: (
        "is not a name of an object; write lower-case letters, digits, '-' and '.', with a letter or digit at both ends"
    ),
    KEY: "is not a key of a Secret; write letters, digits, '-', '_' and '.'",
    LABEL: "is not a value of a label; write letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    RESOURCE_NAME: (
        "is not the name of a resource in this namespace, which has small letters, digits, '-' and '.'; a name that "
        "the server shows is written as serverName"
    ),
    NOT_BLANK: "holds nothing but blanks, which the server does not take; write a name",
    QUANTITY: "is not an amount; write a number with a unit of Kubernetes, such as 500m for cpu or 128Mi for memory",
    POINTER: "is not a JSON pointer; begin with / and put / between the parts, such as /0/embedding_config/api_key",
}
"""Pattern → what is wrong and how to fix it; phrased to follow the field's path in a sentence."""
