"""Writes docs/troubleshooting.md: what to do about each reason that a user may meet."""

from typing import Final

from proxy.policy.reasons import Family, Reason

_HEAD: Final = """# Troubleshooting

Every answer says in `Cache-Status` why it came about, and `detail` is one of the words below: look
it up here. What each word means, and the clause behind it, is in [reasons](reasons.md). This page
is generated from `docs/troubleshooting_page.py`, and no reason is missing in it.

```sh
curl -i http://127.0.0.1:8080/products/1
sidecache explain GET http://127.0.0.1:8080/products/1 --config config/sidecache.yaml
curl -s -H "Authorization: Bearer $SIDECACHE_ADMIN_TOKEN" "http://127.0.0.1:9090/v1/explain?url=/products/1"
sidecache top --once
```

`explain` on the command line tells what rules make of a request and, with `--response FILE`, of a
response; on the admin API and the [dashboard](dashboard.md), what the running proxy holds for it,
or why it did not keep the latest answer, and the rule that would change that.

| it looks like | first look at |
|---|---|
"""

SIGNS: Final = {
    "always a miss": (
        "`detail`: a word under *It was not stored* says why nothing was kept; `uri-miss` each time"
        " means that the keys differ, or that it was dropped: evictions, purges"
    ),
    "hits on one replica, misses on others": (
        "`store.redis`, its `namespace`, and the Host, which is in the key"
    ),
    "an old answer after a purge": (
        "the receipt: 202 names who has not confirmed; then whether the purge came before the"
        " commit"
    ),
    "an old answer after a deployment of rules": (
        "`sidecache_config_refused`, and `/v1/rules` for what is in force"
    ),
    "one caller sees another's data": (
        "`cache: off` for the rule, `sidecache purge --rule`, then `sidecache check-openapi"
        " --config`"
    ),
    "errors that the API does not log": (
        "the reasons at the end of this page: they are answered by the proxy itself"
    ),
    "nothing at all in `Cache-Status`": (
        "it did not pass the proxy: the port, the Service's `targetPort`"
    ),
}
"""What it looks like → where to look first."""

TITLES: Final = {
    Family.HIT: "It was answered from the cache",
    Family.FORWARD: "It went to the API",
    Family.KEEP: "It was stored",
    Family.DECLINE: "It was not stored",
    Family.REFUSE: "The proxy answered itself",
}

ADVICE: Final[dict[Reason, str]] = {
    Reason.SHADOW: (
        "The rule, or the whole proxy, is in `mode: shadow`: look at `sidecache advice`, and set"
        " `mode: live` when nothing is wrong there. See [shadow](shadow.md)."
    ),
    Reason.QUARANTINED: (
        "Callers with other credentials were seen to get other answers under this rule's key. Mend"
        " the rule and reload; `sidecache advice` tells what differed."
    ),
    Reason.FRESH: "Nothing. If it is too old for you: purge it, or shorten its lifetime.",
    Reason.STALE_WHILE_REVALIDATE: (
        "Nothing; the next one is fresh. If it may never be stale, drop `stale_while_revalidate`"
        " from the rule, or from the API's Cache-Control."
    ),
    Reason.STALE_IF_ERROR: "Look at the API: it fails. `failed` in the access log says how.",
    Reason.STALE_UNREACHABLE: (
        "Look at the API: no connection could be made. `must-revalidate` in its answers, or"
        " `stale_if_unreachable: 0s`, makes this an error instead."
    ),
    Reason.MAX_STALE: "The client asked for it by `max-stale`.",
    Reason.URI_MISS: (
        "Usual for the first request. If it is so each time: was the answer stored (`stored` in"
        " Cache-Status)? Does `explain` give both requests the same key? Query parameters that make"
        " no difference go into `key.query.exclude`. Evictions and purges empty the store."
    ),
    Reason.VARY_MISS: (
        "The API's Vary names a field in which clients differ. Have it vary on less, or keep that"
        " field from it by `forward`."
    ),
    Reason.PARTIAL: "A part is stored and more was wanted. `range_on_miss: whole` keeps it whole.",
    Reason.STALE: (
        "Its lifetime is over. A longer `ttl`, or `stale_while_revalidate` so that nobody waits."
    ),
    Reason.SOFT_PURGED: "Somebody purged it softly; it is fetched anew.",
    Reason.NO_CACHE: (
        "The API says no-cache, so it is asked each time. Have it send `max-age`, or write"
        " `cache: override` where you know better."
    ),
    Reason.REQUEST_NO_CACHE: (
        "The client asks for it: browsers do on reload, with the developer tools open always."
    ),
    Reason.REQUEST_MAX_AGE: "The client wants a younger answer, by `max-age` in its request.",
    Reason.REQUEST_MIN_FRESH: "The client wants one that stays fresh for longer, by `min-fresh`.",
    Reason.NOT_SHAREABLE: (
        "The request has Authorization, or a Cookie. If the answer is the same for all, have the"
        " API say `public` or `s-maxage`; drop cookies by `key: {cookies: []}`; or keep"
        " one for each"
        " caller by `credentials: key`. `share` only if you know that nobody's answer is personal."
    ),
    Reason.METHOD: "Writes always pass. Nothing to do.",
    Reason.RULE_OFF: (
        "A rule says so: `explain` names it, with its line. The first that matches wins."
    ),
    Reason.REQUEST_BODY: "Send the query in the URL instead of a body with GET.",
    Reason.PRECONDITION: "If-Match and If-Unmodified-Since are for the API. Nothing to do.",
    Reason.AMBIGUOUS_TARGET: (
        "The path can be read in two ways: `//`, `..`, a `;` that would change its rule. Have the"
        " client ask for the plain one."
    ),
    Reason.UNVERIFIED: (
        "Redis is out of reach, and purges cannot be heard of. See [Redis](redis.md) and the"
        " [runbook](runbook.md); `max_unverified` says how long stored answers go on."
    ),
    Reason.TUNNEL: "A WebSocket or the like. Nothing to do.",
    Reason.ONLY_IF_CACHED: "The client wanted a stored answer or none, by `only-if-cached`.",
    Reason.MAX_FORWARDS: "The client asked that the proxy answer it, by `Max-Forwards: 0`.",
    Reason.PURGE: "It was a purge by the method PURGE.",
    Reason.NOT_ACCEPTABLE: (
        "The client's Accept-Encoding allows no coding that there is, not even the plain body."
    ),
    Reason.BAD_REQUEST: (
        "The body of the answer says what is wrong, and [the client's side](edge.md) lists what is"
        " refused. Limits are under `edge`."
    ),
    Reason.INTERNAL_ERROR: "A bug of ours: the log has a line with it. Please report it.",
    Reason.UPSTREAM_UNREACHABLE: (
        "Does the API listen where `upstream.url` says, seen from the proxy? Is it up? After"
        " failures in a row an address is left alone for a moment."
    ),
    Reason.UPSTREAM_BUSY: (
        "All of `upstream.max_connections` were in use for `queue_wait`. The API is too"
        " slow, or the"
        " number too small. More hits help most."
    ),
    Reason.UPSTREAM_BROKEN: (
        "The API's answer broke off, or could be read in two ways. Does it close connections sooner"
        " than `upstream.keepalive`? Does it crash on this request?"
    ),
    Reason.UPSTREAM_TIMEOUT: (
        "Slower than one of `upstream.timeouts`; `sidecache_upstream_timeouts_total` says which. A"
        " rule can have its own."
    ),
    Reason.S_MAXAGE: "Nothing: the API says how long, for shared caches.",
    Reason.MAX_AGE: "Nothing: the API says how long.",
    Reason.EXPIRES: "Nothing: the API says until when.",
    Reason.HEURISTIC: (
        "The API does not say how long, so a tenth of the time since Last-Modified is taken. Give"
        " the rule a `ttl`, or the API a Cache-Control; `heuristic: 0%` switches it off."
    ),
    Reason.RULE_TTL: "Nothing: the rule says how long.",
    Reason.VALIDATOR: (
        "It has an ETag or Last-Modified and no lifetime: the API is asked each time whether it has"
        " changed. Give it a `ttl` to spare it that."
    ),
    Reason.BYPASSED: "The request passed by the cache: the reason for that is in the access log.",
    Reason.NOT_UNDERSTOOD: "The API says `must-understand` of a status that caches do not know.",
    Reason.NO_STORE: (
        "The API says no-store, often from a framework's default. Have it say something else for"
        " this route; no rule overrules it."
    ),
    Reason.REQUEST_NO_STORE: "The client asks for it, by `no-store` in its request.",
    Reason.PRIVATE: (
        "The API says that it is for one caller. If it is not, have it say `public`; no rule"
        " overrules it."
    ),
    Reason.CREDENTIALS: (
        "The request had Authorization, or a Cookie, and the API does not say that the"
        " answer is for"
        " all. As for `not-shareable`."
    ),
    Reason.SET_COOKIE: (
        "The API sets a cookie, often a session that nobody needs. Have it stop on this route, or"
        " write `set_cookie: strip`, and clients go without it."
    ),
    Reason.VARY_STAR: "The API says that no request is like another. Have it name the fields.",
    Reason.NO_LIFETIME: (
        "Neither the API nor the rule says how long. Give the rule a `ttl`, or the API a"
        " Cache-Control. This is the usual one to begin with."
    ),
    Reason.NO_VALIDATOR: (
        "no-cache without an ETag or Last-Modified: nothing could be asked by. Have the API send"
        " one, or `etag: generate` with a `ttl`."
    ),
    Reason.STATUS: "Give the status a lifetime by `ttl_by_status`, as in `{404: 10s}`.",
    Reason.POST: "Answers to POST are kept in rare cases only. Use GET for what only reads.",
    Reason.RANGE: "The API's 206 does not say which part it is. `range_on_miss: whole` helps.",
    Reason.FRAMING: (
        "The API ends its answers by closing the connection, so that nobody can tell whether one is"
        " whole. Have it send Content-Length, or chunks."
    ),
    Reason.TOO_LARGE: "Raise `max_body` of the rule, if the answer is worth the room.",
    Reason.INCOMPLETE: "The API broke off. Look there.",
    Reason.OUTDATED: (
        "It was purged, or written to, while it was being fetched. The next one is stored. If it is"
        " so often, something purges too much: see `sidecache_purges_total`."
    ),
    Reason.UNTAGGABLE: (
        "More than 128 tags, one longer than 1,024 bytes, or a body for `tags_from_body`"
        " that cannot"
        " be read. Use coarser tags."
    ),
}
"""Reason → what to do about it; a reason that is not here fails the page."""


def page() -> str:
    """Return the page; raises KeyError for a reason without advice."""
    signs = "".join(f"| {sign} | {place} |\n" for sign, place in SIGNS.items())
    return _HEAD + signs + "".join(map(_section, Family))


def _section(family: Family) -> str:
    reasons = [reason for reason in Reason if reason.meaning.family is family]
    return f"\n## {TITLES[family]}\n" + "".join(map(_chapter, reasons))


def _chapter(reason: Reason) -> str:
    return f"\n### `{reason.value}`\n\n{reason.meaning.sentence} {ADVICE[reason]}\n"
