"""The kinds that the Prometheus Operator adds, as far as the chart uses them: strict schemas.

Nothing here knows the chart.
"""

from typing import Any, Final

from jsonschema import Draft202012Validator

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string", "minLength": 1}
_TEXTS: Final[Json] = {"type": "object", "additionalProperties": _TEXT}
_DURATION: Final[Json] = {"type": "string", "pattern": r"^[0-9]+(ms|s|m|h)$"}
_SELECTOR: Final[Json] = {
    "type": "object",
    "properties": {"matchLabels": _TEXTS},
    "additionalProperties": False,
}


def _object(required: Json, **optional: Json) -> Json:
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Json) -> Json:
    return {"type": "array", "items": items, "minItems": 1}


def _kind(name: str, spec: Json) -> Draft202012Validator:
    meta = _object({"name": _TEXT, "namespace": _TEXT, "labels": _TEXTS})
    api = {"const": "monitoring.coreos.com/v1"}
    return Draft202012Validator(
        _object({"apiVersion": api, "kind": {"const": name}, "metadata": meta, "spec": spec})
    )


_ENDPOINT: Final = _object({"port": _TEXT, "path": _TEXT, "interval": _DURATION})
_ALERT: Final = _object(
    {
        "alert": {"type": "string", "pattern": "^Sidecache[A-Z][A-Za-z]+$"},
        "expr": _TEXT,
        "for": _DURATION,
        "labels": _object({"severity": {"enum": ["critical", "warning", "info"]}}),
        "annotations": _object({"summary": _TEXT, "description": _TEXT, "runbook_url": _TEXT}),
    }
)

SCHEMAS: Final = {
    "ServiceMonitor": _kind(
        "ServiceMonitor", _object({"selector": _SELECTOR, "endpoints": _list(_ENDPOINT)})
    ),
    "PodMonitor": _kind(
        "PodMonitor",
        _object(
            {
                "selector": _SELECTOR,
                "namespaceSelector": _object({"matchNames": _list(_TEXT)}),
                "podMetricsEndpoints": _list(_ENDPOINT),
            }
        ),
    ),
    "PrometheusRule": _kind(
        "PrometheusRule",
        _object({"groups": _list(_object({"name": _TEXT, "rules": _list(_ALERT)}))}),
    ),
}
"""Kind → what validates it."""
