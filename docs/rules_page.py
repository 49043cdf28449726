"""Writes docs/rules.md from the JSON Schema of the configuration file and the models' sentences."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from proxy.cli.schema import json_schema
from proxy.rules import units, words

Schema = dict[str, Any]

_ROOT: Final = Path(__file__).parent.parent

_HEAD: Final = """# Rules and settings

One YAML file holds everything. Each setting but the rules can also come from the environment,
`SIDECACHE_UPSTREAM__URL` for `upstream.url`, which wins over the file; a flag of `serve` wins over
both. An unknown field, a duplicate key or a bad value is an error that names file, line, column,
key and remedy, and nothing starts. `sidecache validate FILE` checks, `sidecache schema` prints the
JSON Schema for editors, and [config/sidecache.yaml](../config/sidecache.yaml) shows every knob.

This page is generated from the models in `proxy/rules/schema.py`, `proxy/rules/parts.py`,
`proxy/sections.py`, `proxy/edge/limits.py` and `proxy/trace/options.py`.

## How a rule is found

Rules are tried in order, and the first that matches wins. All that its `match` names must hold:
one of the paths, one of the methods, one of the hosts, each of the headers and query parameters.
The built-in rule comes last and matches everything.

| pattern | matches | not |
|---|---|---|
| `/products` | `/products`, `/%70roducts` | `/products/` |
| `/products/` | `/products/` | `/products` |
| `/products/{id}` | `/products/42`; captures `id` | `/products/`, `/products/42/reviews` |
| `/a/*/b` | `/a/x/b` | `/a//b`, `/a/x/y/b` |
| `/me/**` | `/me`, `/me/`, `/me/orders/7` | `/men` |

Paths are compared segment by segment, percent-decoded, with attention to case; `**` comes last.
The cost of a look-up does not grow with the number of rules. A path that two servers could read
differently (`.`, `..`, `//`, a backslash, control characters, plain or encoded) meets no rule: it
falls under the built-in one and bypasses the cache, if `edge` lets it in at all. In YAML, a path
with `{…}` needs quotes inside `{…}` and `[…]`.

## What a key is made of

Two requests get the same answer when they have the same rule, method class (GET and HEAD are one),
scheme, host, and target byte for byte, and the same values of whatever `key` names. What is *not*
in the key is kept from shaping the answer: dropped parameters and cookies do not reach the
upstream, and with `forward`, no field does that is neither listed, nor in the key, nor on a short
list of fields that carry conditions, cache directives, credentials or traces. This holds for GET
and HEAD; other methods pass as they are.

- Parameters keep their order, their duplicates and their spelling. Nothing is dropped when a
  parameter to be dropped contains `;` or an encoded `&`, `;`, `=` or `#`: what one server reads
  as one parameter, another may read as two.
- `Vary` is obeyed besides: variants live under one key.
- Cookies and credentials are in the key as digests; `sidecache explain` can show a key safely.

## How answers are named

A tag is a name by which answers are purged. Those of one answer come from the rule, from the
upstream's own fields, and from a JSON body.

| in a template | stands for |
|---|---|
| `{name}` | what the path captured, decoded; every path of the rule must capture it |
| `{query.page}` | a query parameter, decoded, as the upstream gets it |
| `{request.accept-language}` | a field of the request, as the upstream gets it |
| `{response.x-shop}` | a field of the response |
| `{{`, `}}` | a brace |

- A field is a list: each member makes a tag of its own, as does each value of a parameter that is
  repeated. Where nothing stands, or nothing but an empty text, the template makes no tag.
- `Surrogate-Key` is read by spaces, `Cache-Tag` by commas, `xkey` and any other field in
  `tag_fields` by both. `Cache-Groups` (RFC 9875) is always read, and always passed on.
- `tags_from_body` reads bodies of `application/json` and `application/…+json`, up to 1 MiB. A path
  is one of RFC 9535 with names, indexes, slices, `*` and `..`, without filters. Text, whole
  numbers, `true` and `false` make tags; lists, objects and `null` make none.
- No tag may be left out, or a purge would miss the answer. So an answer is passed on and not
  stored if its head or its body names more than 128 tags, if a tag has more than 1,024 bytes, or
  if its body cannot be read: malformed, compressed, too large, or with more than 200,000 values
  to look at.
- `on_success` purges after any request under the rule whose method is not safe (GET and HEAD are
  safe) and whose status is 2xx or 3xx.

## How content is coded

The upstream is asked for the plain body, which is kept; `br`, `zstd` and `gzip` are made of it for
clients that accept them, each once, and kept beside it in memory and in Redis. By default that is
so for text, JSON, XML, scripts and what else shrinks, from 256 bytes on. A client's weights (`q`)
come first, then the order in `compress.codings`; what accepts neither a coding nor the plain body
gets a 406.

- The first client gets a quick coding; what is asked for often is made again as small as it can be,
  in the background.
- A body that passes without being kept is coded as it comes, and each piece leaves at once. Event
  streams pass as they are, unless `compress.types` names `text/event-stream`.
- Left alone: what says `no-transform`, on either side; a part (206); what carries a digest
  (`Content-Digest`, `Repr-Digest`); what the upstream coded by itself, as long as the client
  accepts that, and else it is decoded, up to 64 MiB and 200 times its size.
- Each coding has an entity tag of its own, `"abc-sc.br.4f1e…"` for `"abc"`, which is understood in
  `If-None-Match`, `If-Match` and `If-Range`, and which the upstream never sees. A weak tag stays.
- `compress: off` leaves everything to the upstream, which then sees what the client accepts.
- `etag: generate` gives a kept answer without a tag one that is made of its body.

## Ranges

A kept answer is cut as asked: one range, or up to four that do not overlap, as
`multipart/byteranges`; whoever asks for more, or for what would be longer than the whole, gets the
whole. Of an answer that is not kept yet the range itself is asked of the upstream, and nothing more
than that; with `range_on_miss: whole` all of it is fetched once, and kept, unless it proves to be
something that cannot be.

## Units

| unit | written as |
|---|---|
| duration | seconds, or like `250ms`, `30s`, `5m`, `1h30m`, `2d` |
| size | bytes, or like `64KiB`, `8MB`, `256MiB` |
| share | 0 to 1, or like `10%` |
"""

_SECTIONS: Final = {
    "Settings": "The file",
    "Upstream": "`upstream`",
    "UpstreamTimeouts": "`upstream.timeouts`",
    "Health": "`upstream.health`",
    "UpstreamTls": "`upstream.tls`",
    "Admin": "`admin`",
    "TokenField": "`admin.tokens[]`",
    "Store": "`store`",
    "Memory": "`store.memory`",
    "RedisStore": "`store.redis`",
    "Secret": "`store.redis.password`",
    "TlsFiles": "`store.redis.tls`",
    "Edge": "`edge`",
    "Drain": "`drain`",
    "Log": "`log`",
    "CacheStatusField": "`cache_status`",
    "Traces": "`traces`",
    "VerifyModel": "`mode` as a mapping",
    "RuleModel": "`rules[]`",
    "MatchModel": "`rules[].match`",
    "KeyModel": "`rules[].key`",
    "QueryModel": "`rules[].key.query`",
    "TimeoutsModel": "`rules[].timeouts`",
    "CompressModel": "`rules[].compress`",
    "OnSuccessModel": "`rules[].on_success`",
}
_CHOICES: Final = {
    "Mode": "`mode`",
    "Credentials": "`credentials`",
    "SetCookie": "`set_cookie`",
    "Ask": "`ask`",
    "RangeOnMiss": "`range_on_miss`",
    "Role": "`role`",
}
_NAMED: Final[dict[str, Any]] = {
    "duration": units.Duration,
    "size": units.Size,
    "share": units.Share,
    "count": units.Count,
    "name": words.FieldName,
    "path pattern": words.PathPattern,
    "template": words.TagTemplate,
    "template with `{}`": words.ValueTemplate,
    "host": words.HostPattern,
    "media type": words.MediaType,
    "text or boolean": words.Wanted,
}
_BUILTIN: Final = """
## The built-in rule

```yaml
{text}```
"""


def page() -> str:
    """Return the page."""
    tree = json_schema()
    models = {"Settings": tree, **tree["$defs"]}
    tables = [_table(title, models[name], models) for name, title in _SECTIONS.items()]
    choices = [_choice(title, models[name]) for name, title in _CHOICES.items()]
    text = (_ROOT / "proxy/rules/builtin.yaml").read_text(encoding="utf-8")
    return "".join((_HEAD, *tables, *choices, _BUILTIN.format(text=text)))


def _table(title: str, model: Schema, models: dict[str, Schema]) -> str:
    rows = "".join(_rows(model, models))
    head = "| field | type | default | meaning |\n|---|---|---|---|\n"
    return f"\n## {title}\n\n{model['description']}\n\n{head}{rows}"


def _rows(model: Schema, models: dict[str, Schema]) -> Iterator[str]:
    for name, field in model["properties"].items():
        needed = name in model.get("required", ())
        default = "required" if needed else _default(field)
        meaning = field.get("description") or _model(field, models)["description"]
        yield f"| `{name}` | {_type(field)} | {default} | {meaning} |\n"


def _choice(title: str, model: Schema) -> str:
    sentence, _, values = model["description"].partition("\n\n")
    items = "".join(f"- `{name.lower()}`: {text}\n" for name, text in _pairs(values))
    return f"\n## {title}\n\n{sentence}\n" + (f"\n{items}" if items else "")


def _pairs(values: str) -> Iterator[tuple[str, str]]:
    for line in values.splitlines():
        name, _, text = line.partition(": ")
        yield name, text


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None or isinstance(value, dict):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _model(field: Schema, models: dict[str, Schema]) -> Schema:
    return models[field["$ref"].rpartition("/")[2]]


def _type(field: Schema) -> str:
    bare = {key: field[key] for key in field.keys() - {"description", "default"}}
    for name, named in _NAMED.items():
        if bare == TypeAdapter(named).json_schema():
            return name
    if "$ref" in bare:
        return _link(bare["$ref"].rpartition("/")[2])
    if "enum" in bare:
        return ", ".join(f"`{value}`" for value in bare["enum"] if isinstance(value, str))
    if "anyOf" in bare:
        kinds = [_type(kind) for kind in bare["anyOf"] if kind != {"type": "null"}]
        return " or ".join(dict.fromkeys(kinds))
    return _container(bare)


def _container(field: Schema) -> str:
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if field["type"] == "object":
        values = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
        return f"mapping to {_type(values[0])}"
    return str({"string": "text"}.get(field["type"], field["type"]))


def _link(name: str) -> str:
    title = {**_SECTIONS, **_CHOICES}[name]
    anchor = "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "_-")
    return f"[{title}](#{anchor})"
