"""Connectors and Models that ask for what cannot be, as `tests.support.bad_manifests` has Syncs; and good ones."""

from typing import Any, Final

from hypothesis import strategies as st
from tests.support.bad_manifests import Bad, Judge
from tests.support.manifests import REMOVED

__all__ = [
    "BAD_CONNECTORS",
    "BAD_MODELS",
    "BAD_QUERIES",
    "GOOD_CONNECTORS",
    "GOOD_MODELS",
    "GOOD_QUERIES",
    "MASK",
    "PIECES",
]

MASK: Final = "*" * 13
_SECRET: Final = {"name": "keys", "key": "one"}
_VALUE: Final = {"pointer": "/access_token", "secretKeyRef": _SECRET}


def _deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


BAD_CONNECTORS: Final = (
    Bad("no-type", {"connectorType": REMOVED}, "spec.connectorType", "Required value"),
    Bad("wrong-type", {"connectorType": "Source"}, "spec.connectorType", '"source", "destination"'),
    Bad("no-definition", {"connectorName": REMOVED}, "spec.connectorName", "Required value"),
    Bad("empty-definition", {"connectorName": ""}, "spec.connectorName", "at least 1 chars"),
    Bad("empty-name", {"name": ""}, "spec.name", "at least 1 chars"),
    Bad("blank-name", {"name": " \t"}, "spec.name", "holds nothing but blanks"),
    Bad("long-name", {"name": "x" * 256}, "spec.name", "255"),
    Bad("long-description", {"description": "x" * 4097}, "spec.description", "4096"),
    Bad("no-configuration", {"configuration": REMOVED}, "spec.configuration", "write what the definition on the"),
    Bad("empty-configuration", {"configuration": {}}, "spec.configuration", "write what the", Judge.OPERATOR),
    Bad("list-configuration", {"configuration": [1]}, "spec.configuration", "must be of type object"),
    Bad("text-configuration", {"configuration": "host: a"}, "spec.configuration", "must be of type object"),
    Bad("null-configuration", {"configuration": None}, "spec.configuration", "write what the definition on the server"),
    Bad("wide-configuration", {"configuration": dict.fromkeys(map(str, range(1025)), 1)}, "spec.configuration", "1024"),
    Bad("deep-configuration", {"configuration": _deep(70)}, "spec.configuration", "64 levels", Judge.OPERATOR),
    Bad("nul-configuration", {"configuration": {"a": ["\0"]}}, "spec.configuration", "NUL", Judge.OPERATOR),
    Bad("nul-description", {"description": "a\0b"}, "spec.description", "NUL", Judge.OPERATOR),
    Bad(
        "masked",
        {"configuration": {"host": "a", "credentials": {"password": MASK}}},
        "spec.configuration.credentials.password",
        "put the secret into a Secret",
        Judge.OPERATOR,
    ),
    Bad("masked-item", {"configuration": {"a": [{"b": MASK}]}}, "spec.configuration.a[0].b", "secret", Judge.OPERATOR),
    Bad("secret-twice", {"configurationSecrets": [_VALUE, _VALUE]}, "spec.configurationSecrets[1]", "Duplicate value"),
    Bad(
        "no-pointer",
        {"configurationSecrets": [_VALUE | {"pointer": "access_token"}]},
        "spec.configurationSecrets[0].pointer",
        "begin with /",
    ),
    Bad("wrong-discover", {"discover": "Always"}, "spec.discover", '"IfMissing", "Never"'),
    Bad("wrong-check", {"check": "Always"}, "spec.check", '"Never", "OnChange"'),
    Bad("wrong-adoption", {"adoptionPolicy": "Adopt"}, "spec.adoptionPolicy", '"AdoptOrCreate", "Create"'),
    Bad("wrong-deletion", {"deletionPolicy": "Keep"}, "spec.deletionPolicy", '"Delete", "Retain"'),
    Bad("wrong-drift", {"driftPolicy": "Fix"}, "spec.driftPolicy", '"Correct", "Report", "Ignore"'),
    Bad("number-external", {"externalId": 7}, "spec.externalId", "must be of type string"),
    Bad("word-external", {"externalId": "seven"}, "spec.externalId", "write its digits"),
    Bad("unknown", {"category": "data"}, "spec.category", "unknown field"),
)

GOOD_CONNECTORS: Final[dict[str, dict[str, Any]]] = {
    "least": {},
    "source": {
        "connectorType": "source",
        "connectorName": "Postgresql",
        "name": "Warehouse (read only)",
        "description": "asked for by finance\nsee the wiki",
        "configuration": {"host": "db", "port": "5432", "credentials": {"username": "reader"}, "empty": None},
        "configurationSecrets": [{"pointer": "/credentials/password", "secretKeyRef": _SECRET}],
        "workspaceRef": {"name": "prod"},
        "deletionPolicy": "Retain",
        "driftPolicy": "Report",
        "adoptionPolicy": "Create",
    },
    "only-secrets": {"connectorName": "Hubspot", "configuration": REMOVED, "configurationSecrets": [_VALUE]},
    "beside-empty": {"connectorName": "Hubspot", "configuration": {}, "configurationSecrets": [_VALUE]},
    "checked": {"check": "OnChange", "discover": "Never", "externalId": "007"},
    "nearly-masked": {"configuration": {"a": MASK + "*", "b": "*" * 12, MASK: 1}},
    "kept": {"configuration": {"a": [None, 1.0, {"b": None}], "c": 1e30, "é": "ü", "$ref": {"type": "x"}}},
}

BAD_QUERIES: Final[dict[str, tuple[str, str]]] = {
    "blank": (" \n\t", "holds no query"),
    "nothing-but-ends": ("; ;\n;", "holds no query"),
    "limit": ("SELECT * FROM t LIMIT 5", "LIMIT or OFFSET"),
    "limit-with-end": ("SELECT * FROM t limit 5 ;\n", "LIMIT or OFFSET"),
    "limit-two-lines": ("SELECT * FROM t\nLIMIT\n5", "LIMIT or OFFSET"),
    "limit-in-subquery": ("SELECT * FROM (SELECT * FROM t LiMiT 5) s", "LIMIT or OFFSET"),
    "limit-in-text": ("SELECT 'limit 5' FROM t", "LIMIT or OFFSET"),
    "limit-in-a-word": ("SELECT nolimit 5", "LIMIT or OFFSET"),
    "offset": ("SELECT * FROM t OFFSET 10", "LIMIT or OFFSET"),
    "offset-in-the-middle": ("SELECT * FROM (SELECT * FROM t OFFSET 10\n) s", "LIMIT or OFFSET"),
    "column-limit": ("SELECT id, limit\nFROM t", "LIMIT or OFFSET"),
    "order-by-limit": ("SELECT * FROM t ORDER BY limit", "LIMIT or OFFSET"),
    "two-statements": ("SELECT 1; SELECT 2", "has ';' before its end"),
    "two-statements-ended": ("SELECT 1;\nSELECT 2;\n", "has ';' before its end"),
    "statement-after-a-text": ("SELECT 'a'; SELECT 'b'", "has ';' before its end"),
    "statement-after-a-comment": ("SELECT 1 -- one's\n; SELECT 'b'", "has ';' before its end"),
    "comment": ("SELECT * FROM t -- all of them", "ends in a comment"),
    "comment-after-end": ("SELECT * FROM t; -- all of them;", "ends in a comment"),
    "comment-alone": ("-- nothing", "ends in a comment"),
    "open-comment": ("SELECT * FROM t /* all", "ends in a comment"),
    "comment-open-after-stars": ("SELECT * FROM t /*/**", "ends in a comment"),
    "hardly-open-comment": ("SELECT * FROM t /*/", "ends in a comment"),
    "hash-comment": ("SELECT * FROM t\n  # it's all;\n", "ends in a comment"),
    "hash-comment-alone": ("#", "ends in a comment"),
    "hash-comment-after-another": ("SELECT 1\n-- one\n#two", "ends in a comment"),
    "hash-comment-after-a-text": ("SELECT '#' FROM t\n#'", "ends in a comment"),
    "comment-like-before": ("SELECT '--x' FROM t --x", "ends in a comment"),
}
"""Name → query, and what is said of it."""

GOOD_QUERIES: Final[dict[str, str]] = {
    "plain": "SELECT 1",
    "ended": " \n SELECT 1 ;;\n; ",
    "semicolon-in-a-text": "SELECT 'a;b', \"c;d\", `e;f` FROM t",
    "semicolon-in-a-comment": "SELECT 1 -- one; two\n/* three; four */ FROM t",
    "escaped-quote": r"SELECT 'it\'s; fine' FROM t",
    "doubled-quote": "SELECT 'it''s; fine' FROM t",
    "comment-above": "-- all of them\nSELECT * FROM t",
    "closed-comment-at-the-end": "SELECT * FROM t /* all; of them **/",
    "dashes-in-a-text": "SELECT * FROM t WHERE a = '--'",
    "hash-comment-above": "# all of them\nSELECT * FROM t",
    "hash-operator": "SELECT a # 3, b\n#> '{x}'",
    "hash-in-a-text": "SELECT 'a\n# b'",
    "hash-in-a-comment": "SELECT 1 /*\n# one */",
    "temporary-table": "SELECT * FROM #t",
    "open-text": "SELECT 'open; -- and",
    "column-limit-quoted": 'SELECT id, "limit"\nFROM t',
    "column-limit-followed": "SELECT limit, id FROM t",
    "limits": "SELECT credit_limits FROM t WHERE limits > 5",
    "offset-in-a-line": "SELECT * FROM t OFFSET 10 ROWS",
    "quoted-number": "SELECT * FROM t WHERE x = limit '5'",
    "no-break": "SELECT\u00a01",
    "ordered": "SELECT id FROM t ORDER BY id",
}
"""Name → query."""

PIECES: Final[st.SearchStrategy[str]] = st.lists(
    st.sampled_from(
        [
            *("limit", "LIMIT", "Offset", "5", "12", " ", "  ", "\n", "\t", ";", "x", "_", ")", "(", "'", '"', "`"),
            *("--", "/*", "*/", "\\", "a b", "order by", "\u00e9", "\r\n", "\v", "*", "/", "#", "\n#"),
        ]
    ),
    max_size=14,
).map("".join)
"""Queries that nobody thought of."""

BAD_MODELS: Final = (
    Bad(
        "no-connector", {"connectorRef": REMOVED}, "spec.connectorId", "or connectorRef.name to the name of a Connector"
    ),
    Bad("connector-twice", {"connectorId": 5}, "spec.connectorRef", "beside connectorId; remove one of the two"),
    Bad("empty-ref", {"connectorRef": {"name": None}}, "spec.connectorRef.name", "set it to the name of a Connector"),
    Bad(
        "ref-twice",
        {"connectorRef": {"serverName": "Warehouse"}},
        "spec.connectorRef.serverName",
        "beside name; remove one of the two",
    ),
    Bad("no-dns-name", {"connectorRef": {"name": "Warehouse"}}, "spec.connectorRef.name", "is written as serverName"),
    Bad("zero-connector", {"connectorRef": REMOVED, "connectorId": 0}, "spec.connectorId", "or equal to 1"),
    Bad("no-query", {"query": REMOVED}, "spec.query", "name a ConfigMap that holds it in queryFrom.configMapKeyRef"),
    Bad(
        "query-twice",
        {"queryFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}},
        "spec.queryFrom",
        "beside query; remove one of the two",
    ),
    Bad("no-map", {"query": REMOVED, "queryFrom": {}}, "spec.queryFrom.configMapKeyRef", "Required value"),
    Bad("empty-query", {"query": ""}, "spec.query", "at least 1 chars"),
    Bad("long-query", {"query": "x" * 65_537}, "spec.query", "65536"),
    Bad("nul-query", {"query": "SELECT '\0'"}, "spec.query", "NUL", Judge.OPERATOR),
    Bad("no-key", {"primaryKey": REMOVED}, "spec.primaryKey", "Required value"),
    Bad("empty-key", {"primaryKey": ""}, "spec.primaryKey", "at least 1 chars"),
    Bad("blank-key", {"primaryKey": " "}, "spec.primaryKey", "holds nothing but blanks"),
    Bad("ai", {"queryType": "ai_ml"}, "spec.queryType", '"raw_sql", "dbt", "soql", "table_selector"'),
    Bad("wrong-preview", {"preview": "Always"}, "spec.preview", '"Never", "OnChange"'),
    Bad("unknown", {"configuration": {}}, "spec.configuration", "unknown field"),
    *(Bad(f"query-{name}", {"query": text}, "spec.query", words) for name, (text, words) in BAD_QUERIES.items()),
)

GOOD_MODELS: Final[dict[str, dict[str, Any]]] = {
    "least": {},
    "by-id": {"connectorRef": REMOVED, "connectorId": 5},
    "by-server-name": {"connectorRef": {"name": REMOVED, "serverName": "Warehouse (read only)"}},
    "from-a-map": {"query": REMOVED, "queryFrom": {"configMapKeyRef": {"name": "queries", "key": "orders.sql"}}},
    "full": {
        "name": "Customers",
        "description": "all of them",
        "queryType": "dbt",
        "preview": "OnChange",
        "workspaceRef": {"name": "prod"},
        "externalId": "12",
        "deletionPolicy": "Delete",
        "driftPolicy": "Ignore",
        "adoptionPolicy": "Create",
    },
    "longest": {"query": f"SELECT '{'x;' * 32_762}' a"},
    **{f"query-{name}": {"query": text} for name, text in GOOD_QUERIES.items()},
}
