"""Three descriptions in the style of public APIs: a shop, a code host, a payments API.

Hundreds of operations each, with what real documents have and nobody likes to read. Every element
of `paths` that is not made in a loop is there for one such thing, which its name tells.
"""

from typing import Any, Final

Json = dict[str, Any]

OK: Final[Json] = {"200": {"description": "ok", "content": {"application/json": {}}}}
ID: Final[Json] = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}


def query(name: str, **told: object) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string"}, **told}


def operation(name: str, **told: object) -> Json:
    return {"operationId": name, "responses": OK, **told}


def crud(paths: Json, path: str, noun: str, parameter: str = "id", **told: object) -> None:
    """Add a collection and its items, with the path's parameter told once for all methods."""
    paths[path] = {
        "get": operation(f"list_{noun}", parameters=[query("page"), query("limit")], **told),
        "post": operation(f"create_{noun}", **told),
    }
    paths[f"{path}/{{{parameter}}}"] = {
        "parameters": [{**ID, "name": parameter}],
        "get": operation(f"get_{noun}", **told),
        "put": operation(f"replace_{noun}", **told),
        "patch": operation(f"change_{noun}", **told),
        "delete": operation(f"delete_{noun}", **told),
    }


def shop() -> Json:
    """Let all read and some write; 3.1, with shared path items and parameters."""
    paths: Json = {}
    token: list[Json] = [{"bearer": []}]
    for noun in ("products", "categories", "brands", "boxes", "addresses", "stores", "pages"):
        for parent in ("", "/shops/{shopId}", "/shops/{shopId}/regions/{region_code}"):
            crud(paths, f"{parent}/{noun}", f"{noun}_{parent.count('/')}")
    for item in paths.values():
        for method in ("post", "put", "patch", "delete"):
            if method in item:
                item[method]["security"] = token
    paths |= {
        "/carts/mine": {"get": operation("cart", security=token)},
        "/carts/{cart-id}": {"get": operation("shared_cart")},
        "/{tenant}/mine": {"get": operation("ambiguous", security=token)},
        "/товары/{товар}": {"get": operation("unicode")},
        "/products/{id}.json": {"get": operation("as_json")},
        "/products/{id}:restock": {"post": operation("restock", security=token)},
        "/search": {
            "get": operation("search", parameters=[query("filter", style="deepObject"), query("q")])
        },
        "/search/{?q,page}": {"get": operation("templated_query", parameters=[query("q")])},
        "/free": {"get": operation("free", parameters=[query("any", schema={"type": "object"})])},
        "/any": {"get": operation("any", parameters=[query("any", schema={})])},
        "/products/": {"get": operation("with_a_slash")},
        "/feed": {
            "get": operation(
                "feed",
                responses={"200": {"description": "", "content": {"text/event-stream": {}}}},
            )
        },
        "/session": {
            "get": operation("session", parameters=[{"name": "sessionId", "in": "cookie"}])
        },
        "/localised": {
            "get": operation(
                "localised",
                responses={"200": {"description": "", "headers": {"Vary": {}}}},
                parameters=[
                    {"$ref": "#/components/parameters/language"},
                    {"name": "currency", "in": "cookie", "schema": {"type": "string"}},
                    {"name": "X-Request-ID", "in": "header", "schema": {"type": "string"}},
                ],
            )
        },
        "/mirrored/{id}": {"$ref": "#/components/pathItems/Mirrored", "summary": "beside it"},
        "/a;b": {"get": operation("two_ways")},
        "/a//b": {"get": operation("empty_segment")},
        "x-not-a-path": {"anything": True},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "https://shop.example/api/{v}", "variables": {"v": {"default": "v2"}}}],
        "paths": paths,
        "webhooks": {"sold": {"post": operation("sold")}},
        "components": {
            "parameters": {
                "language": {"$ref": "#/components/parameters/the~1language"},
                "the/language": {
                    "name": "Accept-Language",
                    "in": "header",
                    "schema": {"type": "string"},
                },
            },
            "pathItems": {
                "Mirrored": {
                    "parameters": [ID],
                    "get": operation("mirrored"),
                    "delete": operation("unmirrored"),
                }
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def code_host() -> Json:
    """Take credentials everywhere and need them here and there, as public repositories do."""
    paths: Json = {}
    repository = "/repos/{owner}/{repo}"
    for noun in (
        *("issues", "pulls", "commits", "branches", "tags", "releases", "labels", "milestones"),
        *("statuses", "deployments", "workflows", "runs", "hooks", "keys", "forks", "comments"),
    ):
        crud(paths, f"{repository}/{noun}", noun, f"{noun}_number")
        crud(paths, f"{repository}/{noun}/{{number}}/reactions", f"{noun}_reactions")
        crud(paths, f"/orgs/{{org}}/{noun}", f"org_{noun}")
    required: list[Json] = [{"token": []}, {"app": []}]
    paths |= {
        "/user": {"get": operation("me", security=required)},
        "/users/{username}": {"get": operation("user")},
        "/users/me": {"get": operation("also_me", security=required)},
        "/{owner}/{repo}": {"get": operation("short")},
        "/user/{anything}": {"get": operation("of_mine", security=required)},
        f"{repository}": {
            "get": operation("repository", parameters=[query("per_page"), query("page_token")])
        },
        f"{repository}/contents/{{path:.*}}": {"get": operation("contents")},
        f"{repository}/compare/{{base}}...{{head}}": {"get": operation("compare")},
        f"{repository}/compare/{{basehead}}": {"get": operation("same_shape", deprecated=True)},
        f"{repository}/secrets/{{name:[A-Z_]{{1,9}}}}": {"get": operation("s", security=required)},
        f"{repository}/subscription": {"get": operation("subscription", security=required)},
        "/licenses": {
            "get": operation(
                "licenses",
                security=[],
                responses={
                    "200": {
                        "description": "",
                        "headers": {
                            "Cache-Control": {"schema": {"example": "public, max-age=60"}},
                            "ETag": {"schema": {"type": "string"}},
                        },
                    }
                },
            )
        },
        "/meta": {
            "get": operation(
                "meta",
                security=[],
                responses={"2XX": {"description": "", "headers": {"last-modified": {}}}},
            )
        },
        "/raw/{id}": {
            "get": operation(
                "raw", responses={"200": {"content": {"text/plain": {}, "text/html": {}}}}
            )
        },
        "/graphql": {"get": operation("graph", requestBody={"content": {}})},
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Code", "version": "1"},
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "app": {"type": "oauth2", "flows": {}},
            }
        },
    }


def payments() -> Json:
    """Need a key in a field of its own, but for single operations; have callbacks."""
    paths: Json = {}
    nouns = ("charges", "refunds", "customers", "invoices", "payouts", "disputes", "plans", "taxes")
    for version in ("/v1", "/v2", "/2024-01-01"):
        for noun in nouns:
            crud(paths, f"{version}/{noun}", f"{version[1:]}_{noun}")
            paths[f"{version}/{noun}/{{id}}/capture"] = {
                "post": operation(
                    f"capture_{noun}",
                    callbacks={"done": {"{$request.body#/url}": {"post": operation("called")}}},
                )
            }
            paths[f"{version}/{noun}/{{id}}:cancel"] = {"post": operation(f"cancel_{noun}")}
    paths |= {
        "/v1/currencies": {"get": operation("currencies", security=[])},
        "/v1/currencies/{code}": {"get": operation("currency", security=[])},
        "/v1/rates/{from}-{to}": {"get": operation("rate", security=[])},
        "/v1/rates/{id}": {"get": operation("my_rate")},
        "/v1/{kind}/status": {"get": operation("kind_status")},
        "/v1/status/{region}": {"get": operation("region_status", security=[])},
        "/v1/open": {"get": operation("either", security=[{}, {"key": []}])},
        "/v1/signed": {"get": operation("signed", security=[], parameters=[query("signature")])},
        "/v1/forwarded": {
            "get": operation(
                "forwarded", security=[], parameters=[{"name": "X-Forwarded-For", "in": "header"}]
            )
        },
        "/v1/private": {
            "get": operation(
                "private",
                security=[],
                responses={
                    "200": {"headers": {"Cache-Control": {"example": "private, max-age=5"}}}
                },
            )
        },
        "/v1/cookie": {
            "get": operation(
                "cookie", security=[], responses={"200": {"headers": {"Set-Cookie": {}}}}
            )
        },
        "/v1/mutual": {"get": operation("mutual", security=[{"tls": []}])},
    }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Payments", "version": "1"},
        "servers": [{"url": "https://pay.example"}, {"url": "https://test.pay.example/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "tls": {"type": "mutualTLS"},
            }
        },
    }


DOCUMENTS: Final = {"shop": shop, "code host": code_host, "payments": payments}
