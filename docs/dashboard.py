"""Writes the chart's Grafana dashboard from dashboard.yaml beside this file."""

import json
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

Json = dict[str, Any]

_FILE: Final = Path(__file__).with_name("dashboard.yaml")
_SERIES: Final = 'namespace=~"$namespace",pod=~"$pod"'
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH: Final = 12
_HEIGHT: Final = 8


def page() -> str:
    """Return the dashboard as Grafana imports it."""
    panels: list[Json] = []
    top = 0
    for title, row in YAML(typ="safe").load(_FILE).items():
        panels.append(_row(title, top, len(panels)))
        for at, panel in enumerate(row):
            place = {"x": at % 2 * _WIDTH, "y": top + 1 + at // 2 * _HEIGHT}
            panels.append(_panel(panel, place, len(panels)))
        top += 1 + (len(row) + 1) // 2 * _HEIGHT
    return json.dumps(_dashboard(panels), indent=1, ensure_ascii=False) + "\n"


def _dashboard(panels: list[Json]) -> Json:
    return {
        "title": "Sidecache",
        "uid": "sidecache",
        "tags": ["sidecache"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                _variable("namespace", "label_values(sidecache_in_flight, namespace)"),
                _variable("pod", 'label_values(sidecache_in_flight{namespace=~"$namespace"}, pod)'),
            ]
        },
        "panels": panels,
    }


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _row(title: str, top: int, number: int) -> Json:
    place = {"x": 0, "y": top, "w": 2 * _WIDTH, "h": 1}
    return {"id": number + 1, "type": "row", "title": title, "gridPos": place, "panels": []}


def _panel(panel: Json, place: dict[str, int], number: int) -> Json:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel["title"],
        "description": panel.get("description", ""),
        "datasource": _SOURCE,
        "gridPos": {**place, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "targets": [
            {"refId": "ABCDEF"[at], "expr": _expression(text), "legendFormat": legend}
            for at, (legend, text) in enumerate(panel["lines"].items())
        ],
    }


def _expression(text: str) -> str:
    return text.replace("$s", _SERIES).replace("$r", "$__rate_interval")
