"""Documents of an admin API, and the moments that they are."""

from typing import Any

from proxy.top.moment import Asked, Moment, moment

Json = dict[str, Any]


def stats(**told: object) -> Json:
    return {
        "requests": [
            {"rule": "products", "outcome": "hit", "count": 80},
            {"rule": "products", "outcome": "miss", "count": 20},
            {"rule": "account", "outcome": "bypass", "count": 10},
        ],
        "reasons": {"fresh": 80, "uri-miss": 20, "rule-off": 10},
        "storing": {"max-age": 18, "set-cookie": 2},
        "body_bytes": {"hit": 8_000, "miss": 2_000},
        "collapsed": 4,
        "in_flight": 3,
        "memory": {"bytes": 3_000_000, "keys": 70, "evictions": 1},
        "ledger": {"trust": "confirmed", "unconfirmed_for": 0.2, "sequence": 1, "epoch": "e"},
        **told,
    }


def at(taken: float, told: Json | None = None, **others: Any) -> Moment:  # noqa: ANN401 - documents
    return moment(Asked(taken, stats() if told is None else told, **others))


def counted(products: int, missed: int, **told: object) -> Json:
    """Return numbers of one rule."""
    return stats(
        requests=[
            {"rule": "products", "outcome": "hit", "count": products},
            {"rule": "products", "outcome": "miss", "count": missed},
        ],
        reasons={"fresh": products, "stale": missed},
        **told,
    )
