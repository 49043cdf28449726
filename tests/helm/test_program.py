"""What the chart says of the program is so: settings, variables, ports, probes, and metrics."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from docs.metrics_page import exposed, labels, metrics
from proxy.admin.collectors import SharedCollector
from proxy.admin.metrics import render as exposition
from proxy.app import Service
from proxy.cli import main
from proxy.engine.ledger import Trust
from proxy.engine.stats import Stats
from proxy.settings import load
from proxy.store.memory import MemoryStore
from proxy.workers.exposition import joined
from tests.admin.desk import Link, Log
from tests.helm import rendering
from tests.helm.rendering import CASES, CHART, ROOT, Json, objects, render

SECRET: Final = "sixteen-characters"  # noqa: S105 - what a test sets
OUTCOMES: Final = {"hit", "stale", "validated", "miss", "bypass", "error"}
TARGETS: Final = {"namespace", "job", "pod", "le"}
"""Labels that Prometheus adds, and the one that a histogram has."""
PROMQL: Final = shutil.which("promql")
SERIES: Final = {name: metric for metric in metrics() for name in exposed(metric)}


def files_of_settings(case: str) -> list[str]:
    found = [each["data"].get("sidecache.yaml") for each in objects(case, "ConfigMap")]
    return [text for text in found if text]


@pytest.mark.parametrize("case", CASES)
def test_the_program_takes_the_file(case: str, tmp_path: Path) -> None:
    texts = files_of_settings(case)
    assert texts
    for text in texts:
        file = tmp_path / "sidecache.yaml"
        file.write_text(text)
        told = CliRunner().invoke(main, ["validate", str(file)])
        assert told.exit_code == 0, told.stderr


def test_every_rule_that_there_is_comes_through_as_it_was(tmp_path: Path) -> None:
    """`off`, `on` and 404 change their types on the way, and mean the same."""
    example = ROOT / "config" / "sidecache.yaml"
    given = yaml.safe_load(example.read_text())
    files = render({"config": given | {"upstream": {"url": "http://api:80"}}})
    [made] = [each for each in rendering.documents(files) if each["kind"] == "ConfigMap"]
    file = tmp_path / "sidecache.yaml"
    file.write_text(made["data"]["sidecache.yaml"])
    assert load(file, {}, {}).rules == load(example, {}, {}).rules


def environment(container: Json) -> dict[str, str]:
    return {each["name"]: each.get("value", SECRET) for each in container["env"]}


@pytest.mark.parametrize("case", [case for case in CASES if case != "inject-values"])
def test_the_program_starts_with_the_variables_and_ports_of_the_container(
    case: str, tmp_path: Path
) -> None:
    [text] = files_of_settings(case)
    for container in rendering.sidecars(case):
        variables = environment(container)
        file = tmp_path / Path(variables["SIDECACHE_CONFIG"]).name
        file.write_text(text)
        settings = load(file, {}, variables)
        Service(settings, str(file), variables)  # reads every secret
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert settings.admin.listen is not None
        assert settings.listen.port == ports["sidecache"]
        assert settings.admin.listen.port == ports["sidecache-admin"]
        mounted = {each["mountPath"] for each in container["volumeMounts"]}
        assert str(Path(variables["SIDECACHE_CONFIG"]).parent) in mounted


@pytest.mark.parametrize("case", CASES)
def test_probes_ask_what_the_admin_listener_answers(case: str) -> None:
    admin = Service(load(None, {"upstream": "http://a"}, {}), "settings", {}).admin
    paths = set(admin.openapi()["paths"])
    for container in rendering.sidecars(case):
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        kinds = ("startupProbe", "readinessProbe", "livenessProbe")
        asked = [container[kind]["httpGet"] for kind in kinds]
        assert [each["path"] for each in asked] == ["/startupz", "/readyz", "/livez"]
        assert {each["path"] for each in asked} <= paths
        assert {each["port"] for each in asked} == {ports["sidecache-admin"]}


@pytest.mark.parametrize("case", CASES)
def test_what_scrapes_and_what_serves_name_ports_that_are_there(case: str) -> None:
    named = {"sidecache", "sidecache-admin"}
    for service in objects(case, "Service"):
        targets = {port["targetPort"] for port in service["spec"]["ports"]}
        assert targets <= named | {"valkey"}
    for monitor in objects(case, "PodMonitor"):
        assert {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]} <= named
    served = {port["name"] for each in objects(case, "Service") for port in each["spec"]["ports"]}
    for monitor in objects(case, "ServiceMonitor"):
        assert {each["port"] for each in monitor["spec"]["endpoints"]} <= served


def alerts() -> dict[str, Json]:
    [rule] = objects("gateway-full-values", "PrometheusRule")
    return {each["alert"]: each for group in rule["spec"]["groups"] for each in group["rules"]}


def expressions() -> list[str]:
    board = json.loads((CHART / "dashboards" / "sidecache.json").read_text())
    queries = [each["query"] for each in board["templating"]["list"] if each["type"] == "query"]
    shown = [each["expr"] for panel in board["panels"] for each in panel.get("targets", ())]
    return [*(each["expr"] for each in alerts().values()), *shown, *queries]


@pytest.mark.parametrize("text", expressions())
def test_an_expression_asks_for_what_there_is(text: str) -> None:
    assert all(text.count(one) == text.count(other) for one, other in ("()", "{}", "[]"))
    used = re.findall(r"\b(sidecache_\w+|up)\b(?:\{([^}]*)\})?", text)
    assert used
    known = set(TARGETS)
    for name, wanted in used:
        own = set() if name == "up" else set(labels(SERIES[name]))
        known |= own
        for label, value in re.findall(r'(\w+)[!=~]+"([^"]*)"', wanted):
            assert label in own | TARGETS
            words = set(value.split("|"))
            assert label != "outcome" or words <= OUTCOMES
            assert label != "trust" or words <= {each.value for each in Trust}
    for group in re.findall(r"\bby \(([^)]*)\)", text):
        assert set(re.split(r", *", group)) <= known


@pytest.mark.skipif(PROMQL is None, reason="no such program: `make chart`")
def test_prometheus_own_parser_takes_every_expression() -> None:
    assert PROMQL is not None
    asked = [text for text in expressions() if not text.startswith("label_values(")]
    given = json.dumps([text.replace("$__rate_interval", "5m") for text in asked])
    done = subprocess.run([PROMQL], input=given, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def told(pods: Sequence[Sequence[int]]) -> list[Json]:
    """Return what Prometheus reads of pods, of each what its workers hear of the log."""
    series = []
    for number, workers in enumerate(pods):
        text = joined(_worker(replicas) for replicas in workers).decode()
        own = {"pod": f"pod-{number}", "namespace": "shop", "job": "shop-cache-sidecache-admin"}
        for family in text_string_to_metric_families(text):
            for each in family.samples:
                labels = {"__name__": each.name, **each.labels, **own}
                series.append({"labels": labels, "value": each.value})
    return series


def _worker(replicas: int) -> bytes:
    shared = SharedCollector(Link(), Log(present=replicas))
    return exposition(Stats(), MemoryStore(1_000), shared)


@pytest.mark.skipif(PROMQL is None, reason="no such program: `make chart`")
@pytest.mark.parametrize(
    ("pods", "apart"),
    [
        ([[3], [3], [3]], False),
        ([[2], [2], [1]], True),
        ([[4, 4], [4, 4]], False),
        ([[2, 2], [2, 2]], True),
        ([[8] * 4, [8] * 4, [4] * 4], True),
        ([[4, 4], [4]], False),  # one is being replaced, or did not answer
        ([[6, 6], [6, 6]], False),  # some have gone, or are not scraped yet
        ([[4, 4], [4, 1]], True),
        ([], False),
    ],
)
def test_replicas_that_live_apart_are_alerted_of(pods: list[list[int]], *, apart: bool) -> None:
    assert PROMQL is not None
    text = alerts()["SidecacheReplicasApart"]["expr"]
    given = json.dumps({"expressions": [text], "series": told(pods)})
    done = subprocess.run(
        [PROMQL, "eval"], input=given, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    [values] = json.loads(done.stdout)
    assert bool(values) is apart


def test_legends_and_sentences_name_labels_that_are_there() -> None:
    board = json.loads((CHART / "dashboards" / "sidecache.json").read_text())
    everything = {label for metric in SERIES.values() for label in labels(metric)} | TARGETS
    legends = [t["legendFormat"] for p in board["panels"] for t in p.get("targets", ())]
    named = re.findall(r"\{\{ ?(\w+) ?\}\}", " ".join(legends))
    told = " ".join(each["annotations"]["summary"] for each in alerts().values())
    assert set(named) | set(re.findall(r"\$labels\.(\w+)", told)) <= everything


def test_every_alert_has_a_chapter_in_the_runbook_and_every_chapter_an_alert() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text()
    chapters = re.findall(r"^## (Sidecache\w+)$", page, re.MULTILINE)
    assert sorted(chapters) == sorted(alerts())
    for name, alert in alerts().items():
        assert alert["annotations"]["runbook_url"].endswith(f"/docs/runbook.md#{name.lower()}")
