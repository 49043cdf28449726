"""The chart renders to what Kubernetes takes, in every mode, and refuses what it does not know."""

from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import yaml

from proxy import __version__
from tests.helm import rendering
from tests.helm.customs import SCHEMAS
from tests.helm.golden import FOLDER
from tests.helm.rendering import CASES, CHART, INJECTING, NEWEST, OLDEST, Json, objects, render

GATEWAY: Json = {"config": {"upstream": {"url": "http://api:80"}}}


def gateway(**more: object) -> Json:
    return GATEWAY | more


@pytest.mark.parametrize("case", CASES)
def test_what_comes_out_is_what_came_out(case: str) -> None:
    assert (FOLDER / f"{case}.yaml").read_text() == rendering.stream(case), "run `make golden`"


@pytest.mark.parametrize("case", [None, *(case for case in CASES if case != "parent")])
def test_lint_finds_nothing(case: str | None) -> None:
    given = rendering.values(case) if case else {}
    told = helm_python.lint(str(CHART), given, strict=True, namespace=rendering.NAMESPACE)
    assert [each for each in told["messages"] if each["severity"] > 1] == []
    assert told["errors"] == []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_takes_it(case: str, version: str) -> None:
    for each in rendering.documents(rendering.rendered(case)):
        kind = each["kind"]
        if kind in SCHEMAS:
            SCHEMAS[kind].validate(each)
        elif kind.startswith("MutatingAdmissionPolicy"):
            kubernetes_validate.validate(each, NEWEST, strict=True)
        else:
            kubernetes_validate.validate(each, version, strict=True)


def test_an_older_cluster_gets_the_policy_that_it_knows() -> None:
    values = rendering.values("inject-values")
    values["inject"]["apiVersion"] = "v1beta1"
    files = render(values)
    for each in rendering.documents(files):
        if each["kind"].startswith("MutatingAdmissionPolicy"):
            assert each["apiVersion"].endswith("/v1beta1")
            kubernetes_validate.validate(each, INJECTING, strict=True)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "is the gateway's own pod; name the Service"),
        (gateway(mode="sidecar"), "networkPolicy.podSelector: mode sidecar needs the labels"),
        (gateway(confg={}), "additional properties 'confg' not allowed"),
        (gateway(mode="webhook"), "at '/mode': value must be one of"),
        (gateway(ports={"http": 80, "admin": 9090}), "at '/ports/http'"),
        (gateway(env=[{"name": "SIDECACHE_LISTEN", "value": ":1"}]), "at '/env/0/name'"),
        (gateway(adminTokens=[{"name": "a", "role": "purge", "token": "x" * 16}]), "'token'"),
        (gateway(redisPassword={"name": "redis"}), "missing property 'key'"),
        ({"config": {"upstream": {"url": "http://a/path"}}}, "at '/config/upstream/url'"),
        ({"config": GATEWAY["config"] | {"workers": 2}}, "config.workers: more than one needs"),
        ({"config": GATEWAY["config"] | {"listen": "0.0.0.0:1"}}, "'listen' not allowed"),
        (
            {"config": GATEWAY["config"] | {"rules": [{"name": "x", "tll": "5m"}]}},
            "additional properties 'tll' not allowed",
        ),
        (
            {"config": GATEWAY["config"] | {"store": {"redis": {"url": "redis://u:p@h/0"}}}},
            "does not match pattern",
        ),
    ],
)
def test_what_cannot_be_is_refused(values: Json, told: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render(values)
    assert told in str(refused.value)


def test_versions_agree() -> None:
    told = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert told["appVersion"] == __version__
    assert OLDEST in told["kubeVersion"]
    dependency = yaml.safe_load((rendering.PARENT / "Chart.yaml").read_text())["dependencies"]
    assert [each["version"] for each in dependency] == [told["version"]]
    assert f"ARG VERSION={__version__}\n" in (rendering.ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("case", CASES)
def test_pods_keep_to_the_restricted_profile(case: str) -> None:
    for deployment in objects(case, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            allowed = pod.get("securityContext", {}) | container["securityContext"]
            assert allowed["runAsNonRoot"] is True
            assert allowed["runAsUser"] > 0
            assert allowed["seccompProfile"] == {"type": "RuntimeDefault"}
            assert allowed["allowPrivilegeEscalation"] is False
            assert allowed["readOnlyRootFilesystem"] is True
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("case", CASES)
def test_only_prometheus_and_operators_reach_the_admin_port(case: str) -> None:
    for policy in objects(case, "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            ports = [port["port"] for port in rule["ports"]]
            assert rule.get("from") if 9090 in ports else ports
    for service in objects(case, "Service"):
        targets = {port["targetPort"] for port in service["spec"]["ports"]}
        assert "sidecache-admin" not in targets or service["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("case", CASES)
def test_secrets_are_named_never_held(case: str) -> None:
    assert objects(case, "Secret") == []
    for container in rendering.sidecars(case):
        for variable in container["env"]:
            secret = variable["name"].startswith(("ADMIN_TOKEN_", "REDIS_PASSWORD"))
            assert ("valueFrom" in variable) is secret


def test_pods_start_anew_when_the_file_changes_if_that_is_asked_for() -> None:
    def checksum(values: Json) -> str:
        [deployment] = [
            each for each in rendering.documents(render(values)) if each["kind"] == "Deployment"
        ]
        told: str = deployment["spec"]["template"]["metadata"]["annotations"].get(
            "checksum/sidecache-config", ""
        )
        return told

    anew = gateway(restartOnConfigChange=True)
    other = {"config": {"upstream": {"url": "http://api:81"}}}
    assert checksum(anew) == checksum(anew | {"replicas": 3}) != checksum(anew | other)
    assert checksum(GATEWAY) == ""


def test_a_pod_may_take_as_long_to_end_as_the_drain_does() -> None:
    [deployment] = objects("gateway-full-values", "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    assert (told["SIDECACHE_DRAIN__DELAY"], told["SIDECACHE_DRAIN__GRACE"]) == ("10s", "60s")
    assert pod["terminationGracePeriodSeconds"] == 10 + 60 + 5


def test_a_native_sidecar_leaves_with_the_pod_and_ends_with_the_api() -> None:
    [deployment] = objects("parent", "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    [sidecar], [api] = pod["initContainers"], pod["containers"]
    told = {each["name"]: each.get("value") for each in sidecar["env"]}
    assert sidecar["lifecycle"] == {"preStop": {"exec": {"command": ["sidecache", "leave"]}}}
    assert (told["SIDECACHE_DRAIN__DELAY"], told["SIDECACHE_DRAIN__GRACE"]) == ("0s", "25s")
    assert api["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert pod["terminationGracePeriodSeconds"] == 5 + 25 + 5


def test_what_is_not_for_production_says_so() -> None:
    files = rendering.rendered("gateway-trial-values")
    assert "NOT FOR PRODUCTION" in files["sidecache/templates/NOTES.txt"]
    assert all(
        "NOT FOR PRODUCTION" in Path(CHART, name).read_text()
        for name in ("values.yaml", "templates/valkey.yaml", "README.md")
    )
