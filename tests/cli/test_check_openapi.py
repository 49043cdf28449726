"""`sidecache check-openapi` on the example API's own description, and on what is wrong."""

from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result

from examples.catalog.app import create_app
from proxy.cli import main
from tests.cli.serving import served
from tests.plays.process import serving

CONFIG = Path(__file__).parents[2] / "config" / "sidecache.yaml"


def check(*arguments: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["check-openapi", *arguments], input=given)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    file = folder / "catalog.json"
    file.write_bytes(orjson.dumps(create_app(folder / "catalog.sqlite3").openapi()))
    return file


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "sidecache.yaml"


def small(security: str = "[{key: []}]", servers: str = "[]") -> bytes:
    return f"""
openapi: 3.0.1
servers: {servers}
paths:
  /items/{{id}}: {{get: {{operationId: item, security: {security}}}, put: {{}}}}
components:
  securitySchemes:
    key: {{type: apiKey, in: header, name: X-Key}}
    bearer: {{type: http, scheme: bearer}}
    cookie: {{type: apiKey, in: cookie, name: sid}}
    asked: {{type: apiKey, in: query, name: k}}
    tls: {{type: mutualTLS}}
""".encode()


def test_what_is_proposed_is_valid_and_agrees(api: Path, written: Path) -> None:
    proposed = check(str(api))
    assert proposed.exit_code == 0, proposed.stderr
    written.write_text(proposed.stdout)
    valid = CliRunner().invoke(main, ["validate", str(written)])
    assert (valid.exit_code, valid.stderr) == (0, "")
    agreed = check(str(api), "--config", str(written))
    assert (agreed.exit_code, agreed.stdout) == (
        0,
        f"{written}: agrees with catalog.json (23 operations)\n",
    )


def test_what_is_proposed_serves_the_api(api: Path, written: Path, tmp_path: Path) -> None:
    written.write_text(check(str(api)).stdout)
    with (
        served(create_app(tmp_path / "catalog.sqlite3")) as url,
        serving("--config", str(written), "--upstream", url) as proxy,
        httpx.Client(base_url=proxy.url) as client,
    ):

        def kept(path: str, **fields: str) -> bool:
            client.get(path, headers=fields)
            return "; hit" in client.get(path, headers=fields).headers["cache-status"]

        assert all(map(kept, ("/products/1", "/products?page=1", "/categories", "/slow?ms=1")))
        assert not kept("/me", authorization="Bearer account-7")
        assert not kept("/session")
        assert "; hit" in client.get("/products?page=1&utm_source=x").headers["cache-status"]
        client.patch("/products/1", json={"name": "Desk"})
        assert "; hit" not in client.get("/products/1").headers["cache-status"]
        assert "; hit" not in client.get("/products?page=1").headers["cache-status"]
        assert "; hit" in client.get("/categories").headers["cache-status"]


def test_the_catalog_s_rules(api: Path) -> None:
    told = check(str(api)).stdout
    for line in (
        '    match: {path: "/products/{product_id}", methods: [GET, HEAD]}',
        '    tags: ["product:{product_id}"]',
        '      query: {include: ["page", "sort", "category", "q"]}',
        '    on_success: {purge: ["reviews:{product_id}", "product:{product_id}", "products"]}',
        '        - "/me"    # get_account_me_get: needs Authorization',
        "  # writes that pass here purge it; longer once they all do",
    ):
        assert line in told.splitlines()


def test_the_shipped_rules_are_held_against_the_catalog(api: Path) -> None:
    ended = check(str(api), "--config", str(CONFIG))
    assert ended.exit_code == 1
    assert ended.stdout.splitlines() == [
        "GET / (tour__get) has no rule but the built-in one",
        (
            "POST /products (create_product_products_post) has no rule, and so purges none of"
            " the tags that product-list gives"
        ),
        "GET /_requests (requests__requests_get) has no rule but the built-in one",
    ]
    ignored = check(str(api), "--config", str(CONFIG), "--ignore", "unruled-operation")
    assert ignored.exit_code == 0


def test_standard_input_and_a_base() -> None:
    told = check("-", "--base", "/v9", given=small("[]")).stdout
    assert 'path: "/v9/items/{id}"' in told
    assert told.startswith("# Proposed for -: 2 operations.")


def test_nothing_to_propose(written: Path) -> None:
    written.write_text(check("-", given=b"openapi: 3.1.0").stdout)
    assert CliRunner().invoke(main, ["validate", str(written)]).exit_code == 0


@pytest.mark.parametrize(
    ("scheme", "rule", "found"),
    [
        ("key", "ttl: 1m", "takes header x-key; write `cache: off`, or `key: {headers: [x-key]}`"),
        ("key", "cache: off", None),
        ("key", "key: {headers: [X-Key]}", None),
        ("key", "forward: [accept]", None),
        ("bearer", "ttl: 1m", None),
        ("bearer", "credentials: key", None),
        ("bearer", "credentials: share", "takes Authorization; write `credentials: refuse` or"),
        ("cookie", "ttl: 1m", None),
        ("cookie", "credentials: share", "takes cookie sid; write `credentials: refuse`, or name"),
        ("cookie", "credentials: share\n    key: {cookies: [sid]}", None),
        ("asked", "ttl: 1m", None),
        ("tls", "credentials: key", "takes connection tls; the cache does not see that"),
    ],
)
def test_rules_that_keep_what_is_one_caller_s(
    scheme: str, rule: str, found: str | None, written: Path
) -> None:
    written.write_text(
        "upstream: {url: http://a}\nrules:\n"
        f'  - name: items\n    match: {{path: "/items/{{id}}"}}\n    {rule}\n'
    )
    ended = check("-", "--config", str(written), given=small(f"[{{{scheme}: []}}]"))
    lines = [line for line in ended.stdout.splitlines() if "keeps" in line]
    if found is None:
        assert (lines, ended.exit_code) == ([], 0)
    else:
        [line] = lines
        assert line.startswith(f"{written}:3: items: keeps GET /items/{{id}} (item), which {found}")
        assert ended.exit_code == 1


def test_rules_without_operations_and_the_built_in_rule_s_own(written: Path) -> None:
    written.write_text(
        "upstream: {url: http://a}\nrules:\n"
        "  - {name: other, match: {path: /others}}\n"
        '  - {name: posts, match: {path: "/items/{id}", methods: POST}}\n'
    )
    ended = check("-", "--config", str(written), given=small())
    assert ended.stdout.splitlines() == [
        f"{written}:3: other: is for no operation of the document",
        f"{written}:4: posts: is for no operation of the document",
        "GET /items/{id} (item) has no rule but the built-in one",
        (
            "built in: default: keeps GET /items/{id} (item), which takes header x-key; write "
            "`cache: off`, or `key: {headers: [x-key]}`"
        ),
    ]


def test_a_rule_that_earlier_ones_leave_nothing_to_is_not_blamed(written: Path) -> None:
    written.write_text(
        "upstream: {url: http://a}\nrules:\n"
        '  - {name: mine, match: {path: "/items/*", methods: [GET, HEAD]}, cache: off}\n'
        "  - {name: rest, match: {path: /**}}\n"
    )
    assert check("-", "--config", str(written), given=small()).exit_code == 0


def test_a_condition_does_not_hide_what_comes_after_it(written: Path) -> None:
    written.write_text(
        "upstream: {url: http://a}\nrules:\n"
        '  - {name: mine, match: {path: "/items/*", query: {a: true}}, cache: off}\n'
        "  - {name: rest, match: {path: /**}}\n"
    )
    ended = check("-", "--config", str(written), given=small())
    assert "rest: keeps GET /items/{id}" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (["-"], b"\xff", "-: is not UTF-8 text"),
        (["-"], b"swagger: '2.0'", "-: swagger: Swagger 2.0 is not read"),
        (["-"], b"a: [", "-:1:5: "),
        (["missing.yaml"], None, "missing.yaml: No such file or directory"),
    ],
)
def test_what_is_wrong_is_told(arguments: list[str], given: bytes | None, told: str) -> None:
    ended = check(*arguments, given=given)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(told)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (b'{"openapi": "\\u001b]0;me\\u0007"}', "-: openapi: ?]0;me? is not read"),
        (small().replace(b"X-Key", b'"k\\e[2J"'), "takes header k?[2j"),
    ],
    ids=["an-error", "a-finding"],
)
def test_no_document_commands_a_terminal(written: Path, given: bytes, told: str) -> None:
    written.write_text(
        "upstream: {url: http://a.test}\n"
        "rules: [{name: items, match: {path: /items/*}, credentials: share}]\n"
    )
    found = check("-", "--config", str(written), given=given)
    assert found.exit_code == 1
    assert told in found.output
