import json
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest

from proxy.admin.auth import Role, Token
from proxy.edge.access import Logged
from proxy.errors import ConfigError
from proxy.http.message import Request
from proxy.policy.terms import Terms, Timeouts
from proxy.rules.endpoints import Address
from proxy.settings import Settings, builtin_rules, load, ruleset, shown
from proxy.tokens import secret, tokens

ROOT = Path(__file__).parent.parent
TOKEN = "sixteen-characters"  # noqa: S105 - a value under test
NOTHING: Mapping[str, str] = {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sidecache.yaml"


def told(
    file: Path | None,
    overrides: Mapping[str, object] = NOTHING,
    environ: Mapping[str, str] = NOTHING,
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, overrides, environ)
    return str(caught.value).replace(str(file), "FILE").splitlines()


def test_an_upstream_is_all_that_is_needed() -> None:
    settings = load(None, {"upstream": "http://127.0.0.1:8000"}, NOTHING)

    assert settings.upstream.url == ("http://127.0.0.1:8000",)
    assert settings.listen == Address("127.0.0.1", 8080)
    assert settings.admin.listen == Address("127.0.0.1", 9090)
    assert settings.admin.tokens == ()
    assert settings.store.redis is None
    assert settings.purge_method is False
    assert settings.store.memory.max_bytes == 256 * 2**20
    assert settings.store.memory.max_object_share == pytest.approx(0.1)
    assert settings.workers == 1
    assert settings.trusted_peers == ()
    assert settings.log.access is Logged.MISSES
    assert (settings.cache_status.name, settings.cache_status.key) == ("sidecache", False)
    assert settings.rules == ()


def test_flags_win_over_variables_and_variables_over_the_file(file: Path) -> None:
    file.write_text(
        "upstream: {url: http://file, max_keepalive: 3, max_connections: 4}\n"
        "listen: 127.0.0.1:1\nadmin: 127.0.0.1:1\n"
    )
    environ = {
        "SIDECACHE_UPSTREAM__URL": "http://variable",
        "SIDECACHE_UPSTREAM__MAX_KEEPALIVE": "5",
        "SIDECACHE_LISTEN": "127.0.0.1:2",
        "PATH": "/bin",
    }

    settings = load(file, {"upstream": "http://flag", "listen": None}, environ)

    assert settings.upstream.url == ("http://flag",)
    assert settings.upstream.max_keepalive == 5
    assert settings.upstream.max_connections == 4
    assert settings.listen.port == 2
    assert settings.admin.listen == Address("127.0.0.1", 1)


def test_an_override_may_be_a_dotted_name() -> None:
    overrides = {"upstream.url": "http://a", "log.access": "off", "workers": 1}

    settings = load(None, overrides, NOTHING)

    assert settings.upstream.url == ("http://a",)
    assert settings.log.access is Logged.OFF


def test_variables_are_read_as_text() -> None:
    environ = {
        "SIDECACHE_UPSTREAM__URL": "http://a",
        "SIDECACHE_UPSTREAM__TIMEOUTS__FIRST_BYTE": "5s",
        "SIDECACHE_STORE__MEMORY__MAX_BYTES": "64MiB",
        "SIDECACHE_TRUSTED_PEERS": "10.0.0.0/8, 127.0.0.1",
        "SIDECACHE_ADMIN": "off",
        "SIDECACHE_CACHE_STATUS__KEY": "true",
    }

    settings = load(None, {}, environ)

    assert settings.upstream.timeouts.first_byte == 5.0
    assert settings.store.memory.max_bytes == 64 * 2**20
    assert settings.trusted_peers == (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"))
    assert settings.admin.listen is None
    assert settings.cache_status.key


def test_what_kubernetes_says_of_services_is_none_of_ours() -> None:
    environ = {
        "SIDECACHE_SERVICE_HOST": "10.0.0.1",
        "SIDECACHE_SERVICE_PORT": "80",
        "SIDECACHE_SERVICE_PORT_HTTP": "80",
        "SIDECACHE_PORT": "tcp://10.0.0.1:80",
        "SIDECACHE_PORT_80_TCP": "tcp://10.0.0.1:80",
        "SIDECACHE_PORT_80_TCP_ADDR": "10.0.0.1",
        "SIDECACHE_ADMIN_SERVICE_HOST": "10.0.0.1",
        "SIDECACHE_ADMIN_PORT": "tcp://10.0.0.1:80",
        "SIDECACHE_CONFIG": "sidecache.yaml",
        "SIDECACHE_ADMIN_URL": "http://127.0.0.1:9090",
        "SIDECACHE_ADMIN_TOKEN": TOKEN,
    }

    assert load(None, {"upstream": "http://a"}, environ) == load(
        None, {"upstream": "http://a"}, NOTHING
    )


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("SIDECACHE_UPSTREM__URL", "did you mean 'SIDECACHE_UPSTREAM__URL'?"),
        ("SIDECACHE_UPSTREAM_URL", "did you mean 'SIDECACHE_UPSTREAM__URL'?"),
        ("SIDECACHE_PORT", "did you mean 'SIDECACHE_"),
        ("SIDECACHE_UPSTREAM", "did you mean 'SIDECACHE_"),
    ],
)
def test_an_unknown_variable_is_an_error(name: str, remedy: str) -> None:
    (line,) = told(None, {"upstream": "http://a"}, {name: "8080"})

    assert line.startswith(f"environment {name}: unknown variable; {remedy}")


@pytest.mark.parametrize("mode", ["shadow", "nothing"])
def test_a_variable_for_a_part_of_what_another_one_sets_is_an_error(mode: str) -> None:
    variables = {"SIDECACHE_MODE": mode, "SIDECACHE_MODE__VERIFY": "1%"}
    line, *_ = told(None, {"upstream": "http://a"}, variables)

    beside = "cannot stand beside SIDECACHE_MODE; keep one of the two"
    assert line == f"environment SIDECACHE_MODE__VERIFY: {beside}"


@pytest.mark.parametrize("name", ["SIDECACHE_RULES", "SIDECACHE_RULES__0__TTL"])
def test_rules_are_not_for_variables(name: str) -> None:
    assert told(None, {"upstream": "http://a"}, {name: "[]"}) == [
        f"environment {name}: rules come from the file alone"
    ]


def test_each_problem_is_told_where_its_value_was_written(file: Path) -> None:
    file.write_text(
        "upstream:\n"
        "  url: http://a\n"
        "  max_connections: many\n"
        "listn: 127.0.0.1:1\n"
        "rules:\n"
        "  - name: x\n"
        "    jitter: much\n"
        "  - name: default\n"
    )

    lines = told(
        file,
        {"listen": "here"},
        {"SIDECACHE_WORKERS": "all", "SIDECACHE_TRUSTED_PEERS": "x", "SIDECACHE_LOGS": "all"},
    )

    assert lines == [
        "environment SIDECACHE_LOGS: unknown variable; did you mean 'SIDECACHE_LOG__ACCESS'?",
        "FILE:3:3: upstream.max_connections: a count is a whole number, not 'many'",
        "--listen: an address is like '127.0.0.1:8080' or '[::1]:8080'",
        "environment SIDECACHE_WORKERS: a count is a whole number, not 'all'",
        "environment SIDECACHE_TRUSTED_PEERS: a network is like '10.0.0.0/8', '192.0.2.7' or '::1'",
        "FILE:7:5: rules[0].jitter: a share is a number from 0 to 1 or like '10%', not 'much'",
        "FILE:4:1: listn: unknown field; did you mean 'listen'?",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rules: []", "FILE:1:1: upstream.url: is required"),
        ("upstream:", "FILE:1:1: upstream.url: is required"),
        ("upstream: 5", "FILE:1:1: upstream: should be a mapping of fields"),
        (
            "upstream: http://u:secret@a",
            "FILE:1:1: upstream: should be a mapping of fields; write upstream: {url: http://…}",
        ),
        ("upstream: a:1", "FILE:1:1: upstream: should be a mapping of fields; write upstream: {u"),
        (
            "upstream: {url: http://a}\nrules: [x]",
            "FILE:2:9: rules[0]: should be a mapping of fields",
        ),
        (
            "upstream: {url: http://a}\nrules: [{name: x, match: {path: 12}}]",
            "FILE:2:27: rules[0].match.path[0]: should be text; quote a number",
        ),
        (
            "upstream: {url: http://a}\nrules: [{name: x, match: {path: []}}]",
            "FILE:2:27: rules[0].match.path: should not be empty",
        ),
        (
            "upstream: {url: http://a}\nmode: shade",
            "FILE:2:1: mode: should be 'live', 'shadow' or a mapping like {verify: 1%}",
        ),
        (
            "upstream: {url: http://a}\nmode:\n  verify: all",
            "FILE:3:3: mode.verify: a share is a number from 0 to 1 or like '10%', not 'all'",
        ),
        (
            "upstream: {url: http://a}\nrules: [{name: x, mode: {verify: 2}}]",
            "FILE:2:26: rules[0].mode.verify: should be less than or equal to 1",
        ),
        (
            "upstream: {url: http://a}\nmode: verify: 1%",
            "FILE:2:13: mapping values are not allowed here; in one line, a mapping stands in {…}",
        ),
        ("upstream: {url: x}", "FILE:1:12: upstream.url: an upstream is like"),
        ("upstream: {url: http://a}\nrules: x", "FILE:2:1: rules: should be a list"),
        ("upstream: {url: http://a}\n1: x", "FILE:2:1: [1]: unknown field; names are text"),
        ("upstream: {url: http://a}\n_env_file: x", "FILE:2:1: _env_file: unknown field"),
        ("upstream: {url: http://a, url: http://b}", "FILE:1:27: duplicate key 'url'"),
        (
            "upstream: {url: http://a}\nrules:\n  - {name: default}",
            "FILE:3:6: rules[0].name: 'default' is the built-in rule's name",
        ),
        (
            "upstream: {url: http://a}\ncache_status: {name: 'a b'}",
            "FILE:2:16: cache_status.name: a cache's name is one word",
        ),
    ],
)
def test_a_wrong_file_is_told_in_one_line(file: Path, text: str, line: str) -> None:
    file.write_text(text)

    (found,) = told(file)

    assert found.startswith(line)


def test_without_a_file_what_is_missing_is_a_flag() -> None:
    assert told(None) == ["--upstream: is required"]
    assert told(None, {"upstream": "x"})[0].startswith("--upstream: an upstream is like")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert told(tmp_path / "none.yaml") == ["FILE: No such file or directory"]
    assert told(tmp_path) == ["FILE: Is a directory"]


def test_a_file_that_is_no_text_is_one_line(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")

    assert told(file) == ["FILE: is not UTF-8 text"]


def test_an_empty_section_is_its_defaults(file: Path) -> None:
    file.write_text("upstream: {url: http://a}\nstore:\nlog:\ncache_status:\n")

    assert load(file, {}, NOTHING) == load(None, {"upstream": "http://a"}, NOTHING)


def test_the_built_in_rule_comes_last_and_has_the_default_terms() -> None:
    rules = ruleset(load(None, {"upstream": "http://a"}, NOTHING), "none").rules

    assert [(rule.name, rule.place) for rule in rules] == [("default", "built in")]
    assert rules[0].terms == Terms()
    assert builtin_rules()[0].match.path == ("/**",)


def test_rules_are_compiled_with_their_place_and_the_upstreams_timeouts(file: Path) -> None:
    file.write_text(
        "upstream: {url: http://a, timeouts: {connect: 1s}}\n"
        "rules:\n"
        "  - name: x\n"
        "    timeouts: {first_byte: 5s}\n"
        "  - name: y\n"
    )
    rules = ruleset(load(file, {}, NOTHING), "my.yaml")

    assert [rule.place for rule in rules.rules] == ["my.yaml:3", "my.yaml:5", "built in"]
    assert rules.rules[0].terms.timeouts == Timeouts(1.0, 5.0, 30.0)
    assert rules.rules[2].terms.timeouts == Timeouts(1.0, 30.0, 30.0)
    assert rules.match(Request("GET", "http", b"a", b"/")).rule.name == "x"


@pytest.mark.parametrize("admin", ["127.0.0.1:1", "off", "", "{listen: 127.0.0.1:1}", "{}"])
def test_admin_is_an_address_or_a_section(file: Path, admin: str) -> None:
    file.write_text(f"upstream: {{url: http://a}}\nadmin: {admin}\n")
    default = Address("127.0.0.1", 9090)
    wanted = {"": default, "{}": default, "off": None}.get(admin, Address("127.0.0.1", 1))

    assert load(file, {}, NOTHING).admin.listen == wanted


def test_an_address_from_elsewhere_leaves_the_tokens_of_the_file(file: Path) -> None:
    file.write_text(
        "upstream: {url: http://a}\n"
        "admin:\n"
        "  listen: 127.0.0.1:1\n"
        "  tokens:\n"
        "    - {name: ci, role: purge, variable: CI_TOKEN}\n"
    )

    for flags, variables in (({"admin": "[::1]:2"}, {}), ({}, {"SIDECACHE_ADMIN": "[::1]:2"})):
        admin = load(file, flags, variables).admin
        assert admin.listen == Address("::1", 2)
        assert [token.name for token in admin.tokens] == ["ci"]


def test_tokens_are_read_from_variables_and_files(file: Path, tmp_path: Path) -> None:
    (tmp_path / "ops").write_text(f"{TOKEN}-ops\n")
    file.write_text(
        "upstream: {url: http://a}\n"
        "admin:\n"
        "  tokens:\n"
        "    - {name: ci, role: purge, variable: CI_TOKEN}\n"
        f"    - {{name: ops, role: admin, file: {tmp_path}/ops}}\n"
    )
    settings = load(file, {}, NOTHING)

    assert tokens(settings, {"CI_TOKEN": TOKEN, "SIDECACHE_ADMIN_TOKEN": f"{TOKEN}-env"}) == (
        Token.of("ci", Role.PURGE, TOKEN),
        Token.of("ops", Role.ADMIN, f"{TOKEN}-ops"),
        Token.of("environment", Role.ADMIN, f"{TOKEN}-env"),
    )


@pytest.mark.parametrize(
    ("place", "environ", "text"),
    [
        ("variable: CI_TOKEN", {}, "admin.tokens[0]: the variable CI_TOKEN is not set"),
        ("variable: X", {"X": "short"}, "admin.tokens[0]: the token is shorter than 16 characters"),
        ("file: /nowhere/ci", {}, "admin.tokens[0]: /nowhere/ci: No such file or directory"),
        (
            "variable: X",
            {"X": TOKEN, "SIDECACHE_ADMIN_TOKEN": ""},
            "environment SIDECACHE_ADMIN_TOKEN: the token is shorter than 16 characters",
        ),
    ],
)
def test_a_token_that_is_missing_or_unfit_is_named(
    file: Path, place: str, environ: dict[str, str], text: str
) -> None:
    file.write_text(
        f"upstream: {{url: http://a}}\nadmin: {{tokens: [{{name: ci, role: read, {place}}}]}}\n"
    )

    with pytest.raises(ConfigError) as caught:
        tokens(load(file, {}, NOTHING), environ)

    assert str(caught.value) == text


def test_the_method_purge_needs_a_token() -> None:
    settings = load(None, {"upstream": "http://a", "purge_method": "on"}, NOTHING)

    with pytest.raises(ConfigError, match="purge_method: needs a token of role purge"):
        tokens(settings, NOTHING)
    assert len(tokens(settings, {"SIDECACHE_ADMIN_TOKEN": TOKEN})) == 1


def test_the_shared_store(file: Path) -> None:
    file.write_text(
        "upstream: {url: http://a}\n"
        "store:\n"
        "  redis:\n"
        "    url: rediss://user:secret@redis:6380/1\n"
        "    namespace: shop\n"
        "    timeout: 20ms\n"
        "    password: {variable: REDIS_PASSWORD}\n"
        "    tls: {ca: /ca.pem, cert: /cert.pem, key: /key.pem}\n"
    )
    redis = load(file, {}, NOTHING).store.redis

    assert redis is not None
    assert redis.url.addresses == (("redis", 6380),)
    assert (redis.namespace, redis.timeout, redis.max_unverified) == ("shop", 0.02, 30.0)
    assert redis.max_object == 2**20
    assert redis.password is not None
    assert secret(redis.password, "it", {"REDIS_PASSWORD": "x"}) == "x"
    assert redis.tls.ca == Path("/ca.pem")


def test_the_shared_store_by_a_flag_and_by_variables() -> None:
    environ = {
        "SIDECACHE_STORE__REDIS__URL": "redis://b",
        "SIDECACHE_STORE__REDIS__MAX_UNVERIFIED": "0",
        "SIDECACHE_STORE__REDIS__PASSWORD__FILE": "/run/secrets/redis",
    }
    redis = load(None, {"upstream": "http://a", "redis": "redis://c"}, environ).store.redis

    assert redis is not None
    assert redis.url.addresses == (("c", 6379),)
    assert redis.max_unverified == 0.0
    assert redis.password is not None
    assert redis.password.file == Path("/run/secrets/redis")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("admin: here", "FILE:2:1: admin.listen: an address is like"),
        ("admin: {tokens: [{name: a, role: king, file: /x}]}", "FILE:2:28: admin.tokens[0].role"),
        (
            "admin: {tokens: [{name: a, role: read}]}",
            "FILE:2:18: admin.tokens[0]: give one of the two: variable or file",
        ),
        (
            "admin: {tokens: [{name: a, role: read, file: /x, variable: X}]}",
            "FILE:2:18: admin.tokens[0]: give one of the two: variable or file",
        ),
        (
            "admin: {tokens: [{name: a, role: read, file: /x}, {name: a, role: read, file: /y}]}",
            "FILE:2:52: admin.tokens[1].name: the name 'a' is taken by tokens[0]",
        ),
        (
            "admin: {tokens: [{name: a, role: read, token: secret}]}",
            "FILE:2:40: admin.tokens[0].token: unknown field",
        ),
        ("store: {redis: {}}", "FILE:2:9: store.redis.url: is required"),
        ("store: {redis: {url: http://a}}", "FILE:2:17: store.redis.url: the URL's scheme"),
        ("store: {redis: {url: 5}}", "FILE:2:17: store.redis.url: the URL has no scheme"),
        (
            "store: {redis: {url: 'redis://a', namespace: 'a b'}}",
            "FILE:2:35: store.redis.namespace: ",
        ),
        (
            "store: {redis: {url: 'redis://a', tls: {cert: /a}}}",
            "FILE:2:35: store.redis.tls: cert and key belong together",
        ),
        ("purge_method: sometimes", "FILE:2:1: purge_method: "),
    ],
)
def test_a_wrong_section_is_told_in_one_line(file: Path, text: str, line: str) -> None:
    file.write_text(f"upstream: {{url: http://a}}\n{text}\n")

    (found,) = told(file)

    assert found.startswith(line)


def test_several_workers_need_the_shared_log(file: Path) -> None:
    file.write_text("upstream: {url: http://a}\nworkers: 2\n")
    why = "without the shared log, one worker would not hear of another's purges"

    assert told(file) == [f"FILE:2:1: workers: more than one needs store.redis: {why}"]
    assert load(file, {"redis": "redis://b"}, NOTHING).workers == 2
    assert len(told(file, {"workers": 129})) == 1


def test_settings_are_shown_as_json_without_secrets(file: Path) -> None:
    file.write_text(
        "upstream: {url: http://a}\n"
        "trusted_peers: [10.0.0.0/8]\n"
        "admin: {tokens: [{name: ci, role: purge, file: /run/secrets/ci}]}\n"
        "store: {redis: {url: 'redis://user:secret@redis'}}\n"
        "rules: [{name: x, ttl_by_status: {404: 10s}}]\n"
    )
    document = shown(load(file, {}, NOTHING))
    text = json.dumps(document)

    assert "secret@" not in text
    assert isinstance(document, dict)
    assert document["store"]["redis"]["url"] == "redis://user:***@redis:6379"
    assert document["admin"] == {
        "listen": "127.0.0.1:9090",
        "tokens": [{"variable": None, "file": "/run/secrets/ci", "name": "ci", "role": "purge"}],
    }
    assert document["trusted_peers"] == ["10.0.0.0/8"]
    assert document["log"] == {"access": "misses", "level": "info"}
    assert document["rules"][0]["ttl_by_status"] == {"404": 10.0}
    assert document["purge_method"] is False


def test_rules_that_no_file_holds_have_its_name_alone() -> None:
    settings = Settings.model_validate({"upstream": {"url": "http://a"}, "rules": [{"name": "x"}]})

    assert ruleset(settings, "code").rules[0].place == "code"


@pytest.mark.untraced  # ten thousand times what one has covered
def test_ten_thousand_rules_are_read(file: Path) -> None:
    rules = "".join(f"  - {{name: r{at}, match: {{path: /r{at}}}}}\n" for at in range(10_000))
    file.write_text(f"upstream: {{url: http://a}}\nrules:\n{rules}")

    found = ruleset(load(file, {}, NOTHING), "f").match(Request("GET", "http", b"a", b"/r9999"))

    assert found.rule.place == "f:10002"


def test_the_example_is_valid_and_covers_the_example_api() -> None:
    rules = ruleset(load(ROOT / "config/sidecache.yaml", {}, NOTHING), "f")
    paths = {
        "/products": "product-list",
        "/products/1": "product",
        "/products/1/reviews": "reviews",
        "/categories": "categories",
        "/slow": "slow",
        "/flaky": "slow",
        "/me": "account",
        "/me/orders": "account",
        "/login": "account",
        "/session": "account",
        "/download/a": "files",
        "/static/a": "files",
        "/events": "streams",
        "/stream": "streams",
        "/": "default",
    }

    found = {
        path: rules.match(Request("GET", "http", b"a", path.encode())).rule.name for path in paths
    }

    assert found == paths
