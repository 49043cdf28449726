"""Writes into helm/sidecache/values.schema.json what the chart's `config` may hold.

That is the file of settings, but for what the chart itself sets. All else in that file is written
by hand, and stays.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from proxy.cli.schema import json_schema

FILE: Final = Path(__file__).parent.parent / "helm" / "sidecache" / "values.schema.json"

_REFERENCE: Final = re.compile(r'"#/\$defs/(\w+)"')
_SET_BY_CHART: Final = (("Config", ("listen", "admin")), ("RedisStore", ("password",)))
"""Model → fields: addresses follow from `ports`, secrets are named as Kubernetes' own."""
_NO_CREDENTIAL: Final = r"^[a-z+]+://([^:@/]*@)?[^@]*$"
"""A URL without a password: values are no place for secrets."""


def page() -> str:
    """Return the schema of the chart's values."""
    tree = json.loads(FILE.read_text(encoding="utf-8"))
    own = {name: model for name, model in tree["$defs"].items() if name == "SecretKey"}
    tree["$defs"] = own | _config()
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _config() -> dict[str, Any]:
    """Return the models of the file of settings, the whole of it as `Config`."""
    tree = json_schema()
    models: dict[str, Any] = {"Config": tree} | tree.pop("$defs")
    del tree["$schema"]
    for name, fields in _SET_BY_CHART:
        for field in fields:
            del models[name]["properties"][field]
    models["RedisStore"]["properties"]["url"]["pattern"] = _NO_CREDENTIAL
    used = _used("Config", models)
    return {name: model for name, model in models.items() if name in used}


def _used(name: str, models: dict[str, Any]) -> set[str]:
    """Return the names of the models that one model needs, itself among them."""
    found, waiting = set[str](), {name}
    while waiting:
        found |= waiting
        text = json.dumps([models[each] for each in waiting])
        waiting = set(_REFERENCE.findall(text)) - found
    return found
