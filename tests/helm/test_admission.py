"""The admission policy adds to a pod what the chart's templates would have.

By Kubernetes' own code, in a small program that `make chart` builds where Go is.
"""

import json
import shutil
import subprocess
from functools import cache
from typing import Final

import kubernetes_validate
import pytest

from tests.helm import rendering
from tests.helm.rendering import NEWEST, Json, objects

CASE: Final = "inject-values"
ADMISSION: Final = shutil.which("admission")
BARE: Final[Json] = {
    "metadata": {"name": "bare", "namespace": "shop"},
    "spec": {"containers": [{"name": "api", "image": "api:1"}]},
}
FURNISHED: Final[Json] = {
    "metadata": {"name": "furnished", "namespace": "shop"},
    "spec": {
        "initContainers": [{"name": "migrate", "image": "api:1"}],
        "containers": [{"name": "api", "image": "api:1"}],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}


@cache
def expected() -> Json:
    """Return the native sidecar and its volume, as the templates give them to a pod."""
    return rendering.native_sidecar(rendering.values(CASE))


def admitted(*pods: Json) -> list[Json]:
    assert ADMISSION is not None
    [policy] = objects(CASE, "MutatingAdmissionPolicy")
    given = json.dumps({"policy": policy, "pods": pods})
    done = subprocess.run([ADMISSION], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made: list[Json] = json.loads(done.stdout)
    return made


needs_go = pytest.mark.skipif(ADMISSION is None, reason="no such program: `make chart`")


def test_the_policy_is_bound_and_looks_at_labelled_pods_in_the_namespaces() -> None:
    [policy] = objects(CASE, "MutatingAdmissionPolicy")
    [binding] = objects(CASE, "MutatingAdmissionPolicyBinding")
    wanted = policy["spec"]["matchConstraints"]
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert wanted["objectSelector"] == {"matchLabels": {"sidecache-inject": "enabled"}}
    [namespaces] = wanted["namespaceSelector"]["matchExpressions"]
    made = [each["metadata"]["namespace"] for each in objects(CASE, "ConfigMap")]
    assert namespaces["values"] == made == ["shop", "search"]


@needs_go
@pytest.mark.parametrize("pod", [BARE, FURNISHED], ids=["bare", "furnished"])
def test_a_pod_gets_the_sidecar_first_and_keeps_what_it_has(pod: Json) -> None:
    [made] = admitted(pod)
    own = pod["spec"]
    sidecar, *others = made["spec"]["initContainers"]
    assert [sidecar] == expected()["sidecar"]
    assert [each["name"] for each in others] == [e["name"] for e in own.get("initContainers", ())]
    assert [each["name"] for each in made["spec"]["containers"]] == ["api"]
    assert made["spec"]["volumes"] == [*own.get("volumes", ()), *expected()["volumes"]]
    kubernetes_validate.validate(made, NEWEST, strict=True)


@needs_go
def test_a_pod_that_has_one_is_left_alone() -> None:
    [once] = admitted(BARE)
    assert admitted(once) == [once]
    own = BARE | {"spec": {"containers": [{"name": "sidecache", "image": "own:1"}]}}
    assert "initContainers" not in admitted(own)[0]["spec"]
