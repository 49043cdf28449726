"""`make pod`: the pod for real. The example API and the sidecar from the image share localhost.

podman stands in for the kubelet: containers, probes and security come from the chart's own spec
as it is rendered, in the order in which Kubernetes starts and ends a native sidecar. Prints what
it saw; ends with 1 where something is not as it has to be.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.helm.rendering import ROOT, objects, sidecars
from tests.image.podman import PATIENCE, Container, Failed, hold, podman, start

Json = dict[str, Any]

POD: Final = "sidecache-pod"
CASE: Final = "parent"
API: Final = "http://127.0.0.1:8000"
DATA: Final = "http://127.0.0.1:8080"
SECRETS: Final = {"ADMIN_TOKEN_0": "a-token-for-the-trial", "REDIS_PASSWORD": ""}
"""What the cluster would have; there is no Redis in this pod."""


def main() -> int:
    """Run the pod once and return the exit status."""
    try:
        with tempfile.TemporaryDirectory() as folder, _pod():
            _play(sys.argv[1], Path(folder))
    except (Failed, subprocess.TimeoutExpired) as error:
        print(f"FAILED: {error}")
        return 1
    print("all as it has to be")
    return 0


@contextmanager
def _pod() -> Iterator[None]:
    """Have a pod without any network but its own loopback, and nothing left of it."""
    podman("pod", "rm", "--force", POD, check=False)
    podman("pod", "create", "--name", POD, "--network", "none")
    try:
        yield
    finally:
        podman("pod", "rm", "--force", POD, check=False)


def _play(image: str, folder: Path) -> None:
    spec = _spec()
    sidecar, api = _started(image, spec, folder)
    _serving(sidecar, spec)
    _confined(sidecar)
    _ending(sidecar, api, spec)


def _spec() -> Json:
    """Return the sidecar's container as the chart renders it, with the secrets' values."""
    [spec] = sidecars(CASE)
    env = [{"value": SECRETS.get(each["name"])} | each for each in spec["env"]]
    return spec | {"env": env}


def _settings() -> str:
    """Return the file of settings as the chart renders it, but for Redis."""
    [made] = objects(CASE, "ConfigMap")
    settings = yaml.safe_load(made["data"]["sidecache.yaml"])
    del settings["store"]["redis"]
    text: str = yaml.safe_dump(settings)
    return text


def _started(image: str, spec: Json, folder: Path) -> tuple[Container, Container]:
    """Start the sidecar, then the API once its startup probe has succeeded."""
    folder.chmod(0o755)  # nobody reads it from inside
    config = folder / "config"
    config.mkdir()
    (config / "sidecache.yaml").write_text(_settings())
    [mount] = spec["volumeMounts"]
    began = time.monotonic()
    sidecar = start(POD, image, spec, {config: mount["mountPath"]})
    _await("startup", sidecar, spec["startupProbe"], began)
    api = _api(image, spec)
    began = time.monotonic()
    _await("the API's readiness", api, {"httpGet": {"port": 8000, "path": "/"}}, began)
    return sidecar, api


def _await(what: str, container: Container, probe: Json, began: float) -> None:
    while not container.probe(probe):
        if time.monotonic() - began > PATIENCE:
            raise Failed(f"{what}: {podman('logs', container.name)}")
    print(f"{what}: {time.monotonic() - began:.2f} s after the container was asked for")


def _api(image: str, spec: Json) -> Container:
    """Start the example API: its code from here, its libraries from the image."""
    name = f"{POD}-api"
    user = spec["securityContext"]["runAsUser"]
    podman(
        *("run", "--detach", "--pod", POD, "--name", name, "--user", str(user)),
        *("--volume", f"{ROOT / 'examples'}:/app/examples:ro", "--workdir", "/app"),
        *("--tmpfs", "/tmp:rw,mode=1777", "--entrypoint", "/opt/sidecache/bin/python", image),  # noqa: S108 - the container's own
        *("-m", "examples.catalog", "--port", "8000"),
    )
    return Container(name)


def _serving(sidecar: Container, spec: Json) -> None:
    """See the probes succeed, by HTTP and by the image's own command, and the second GET hit."""
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        hold(sidecar.probe(spec[kind]), f"{kind} {spec[kind]['httpGet']['path']}")
    for probe in ("started", "ready", "live"):
        hold(sidecar.run("sidecache", "health", probe) == (0, probe), f"sidecache health {probe}")
    told = podman("healthcheck", "run", sidecar.name)
    hold(not told, "the image's HEALTHCHECK")
    first, second = (sidecar.fetch(f"{DATA}/products/1") for _ in range(2))
    hold("fwd=uri-miss" in first, f"a miss: {first}")
    hold("; hit;" in second, f"a hit: {second}")


def _confined(sidecar: Container) -> None:
    """See that it is nobody, can write nowhere, and may do nothing else."""
    status = sidecar.status()
    hold(status["Uid"].split()[0] == "10001", f"uid {status['Uid'].split()[0]}")
    hold(int(status["CapEff"], 16) == 0, f"capabilities {status['CapEff']}")
    hold(status["NoNewPrivs"] == "1", "no new privileges")
    for place in ("/", "/tmp", "/opt/sidecache", "/etc/sidecache"):  # noqa: S108 - as above
        failed, _ = sidecar.run("python3", "-c", f"open({place + '/x'!r}, 'w')")
        hold(bool(failed), f"{place} cannot be written to")
    print(f"memory: {status['VmRSS']} resident, {status['VmHWM']} at most")


def _ending(sidecar: Container, api: Container, spec: Json) -> None:
    """See the sidecar leave, the API end with what it does finished, and the sidecar after it."""
    [deployment] = objects(CASE, "Deployment")
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    began = time.monotonic()
    hook = spec["lifecycle"]["preStop"]["exec"]["command"]
    hold(sidecar.run(*hook) == (0, ""), f"the hook: {' '.join(hook)}")
    hold(not sidecar.probe(spec["readinessProbe"]), "not ready any more")
    told = sidecar.fetch(f"{DATA}/products/2")
    hold("fwd=uri-miss" in told, f"and clients are served: {told}")
    slow = sidecar.fetching(f"{DATA}/slow?ms=1500")
    time.sleep(0.5)
    api.signal("TERM")
    print(f"SIGTERM to the API: ended after {api.ended():.2f} s")
    told = slow.communicate(timeout=30)[0].strip()
    hold(told.startswith("200"), f"what was under way in it came through: {told}")
    told = sidecar.fetch(f"{DATA}/products/1")
    hold("; hit;" in told, f"the sidecar still answers: {told}")
    hold(sidecar.probe(spec["livenessProbe"]), "and is alive")
    sidecar.signal("TERM")
    print(f"SIGTERM to the sidecar: ended after {sidecar.ended():.2f} s")
    took = time.monotonic() - began
    hold(took < grace, f"{took:.1f} s in all, {grace} s are granted")


if __name__ == "__main__":
    sys.exit(main())
