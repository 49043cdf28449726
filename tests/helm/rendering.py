"""The chart as Helm renders it: every file of values in its ci/, and the chart that depends on it.

Nothing here knows what should come out.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import helm_python
import yaml

ROOT: Final = Path(__file__).parent.parent.parent
CHART: Final = ROOT / "helm" / "sidecache"
PARENT: Final = ROOT / "examples" / "chart"
RELEASE: Final = "shop-cache"
NAMESPACE: Final = "shop"
OLDEST: Final = "1.30.0"
"""What Chart.yaml says."""
NEWEST: Final = "1.37.0"
INJECTING: Final = "1.34.0"
"""The first version with admission policies that mutate, as v1beta1."""

Json = dict[str, Any]

CASES: Final = (*sorted(file.stem for file in (CHART / "ci").glob("*.yaml")), "parent")
"""The names of all that is rendered."""


def values(case: str) -> Json:
    """Return the values of a case."""
    if case == "parent":
        return {}
    loaded: Json = yaml.safe_load((CHART / "ci" / f"{case}.yaml").read_text())
    return loaded


@cache
def rendered(case: str) -> Mapping[str, str]:
    """Return file → text of a case."""
    return _parent() if case == "parent" else render(values(case))


def render(given: Json, chart: Path = CHART, release: str = RELEASE) -> Mapping[str, str]:
    """Return file → text for any values; raises `helm_python.HelmError`."""
    with helm_python.Chart.load(str(chart)) as loaded:
        files: Mapping[str, str] = loaded.render(given, name=release, namespace=NAMESPACE)
        return files


@contextmanager
def _with_template(name: str, text: str) -> Iterator[Path]:
    """Give the chart with one more template."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder, "sidecache")
        shutil.copytree(CHART, chart)
        (chart / "templates" / name).write_text(text)
        yield chart


def _parent() -> Mapping[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        parent = Path(folder, "shop")
        shutil.copytree(PARENT, parent, ignore=shutil.ignore_patterns("charts", "Chart.lock"))
        shutil.copytree(CHART, parent / "charts" / "sidecache")
        return render({}, parent)


def documents(files: Mapping[str, str]) -> Iterator[Json]:
    """Yield every object, in the order of the files."""
    for name in sorted(files):
        if not name.endswith(".txt"):
            yield from (each for each in yaml.safe_load_all(files[name]) if each)


def objects(case: str, kind: str) -> list[Json]:
    """Return the objects of one kind in a case."""
    return [each for each in documents(rendered(case)) if each["kind"] == kind]


def sidecars(case: str) -> Iterator[Json]:
    """Yield the sidecar's container wherever a Deployment has it."""
    for deployment in objects(case, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            if container["name"] == "sidecache":
                yield container


def native_sidecar(given: Json) -> Json:
    """Return what the templates give to a pod for some values: `sidecar` and `volumes`."""
    without = {"networkPolicy": {"enabled": False}, "metrics": {"monitor": {"enabled": False}}}
    text = """
sidecar: {{- include "sidecache.nativeSidecar" . | nindent 2 }}
volumes: {{- include "sidecache.volumes" . | nindent 2 }}
"""
    with _with_template("pieces.yaml", text) as chart:
        files = render(given | {"mode": "sidecar"} | without, chart)
    told: Json = yaml.safe_load(files["sidecache/templates/pieces.yaml"])
    return told


def stream(case: str) -> str:
    """Return all of a case as one text of YAML, the notes in it as comments."""
    parts = [
        f"# {name}\n{_commented(text) if name.endswith('.txt') else text.strip()}\n"
        for name, text in sorted(rendered(case).items())
    ]
    return "---\n".join(part for part in parts if part.count("\n") > 2)


def _commented(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.strip().splitlines())
