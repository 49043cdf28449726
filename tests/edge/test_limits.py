"""The settings of the edge: their defaults, what a variable holds, which hosts are served."""

import pytest
from pydantic import ValidationError

from proxy.edge.limits import Edge


def test_the_defaults() -> None:
    edge = Edge()
    assert (edge.max_head, edge.max_fields, edge.max_target) == (32_768, 100, 8_192)
    assert (edge.head_timeout, edge.idle_timeout, edge.linger) == (10.0, 75.0, 2.0)
    assert (edge.body_timeout, edge.send_timeout, edge.min_rate) == (20.0, 30.0, 256)
    assert (edge.connections, edge.connections_per_peer) == (10_000, None)
    assert edge.strict_targets
    assert edge.serves(b"anything.test")


def test_hosts_from_a_variable() -> None:
    assert Edge.model_validate({"hosts": "A.test, *.b.test"}).hosts == ("a.test", "*.b.test")


@pytest.mark.parametrize("hosts", [["a/b"], ["*"], ["a.*"], [""], "a b", [1], 1])
def test_what_is_no_host(hosts: object) -> None:
    with pytest.raises(ValidationError):
        Edge.model_validate({"hosts": hosts})


@pytest.mark.parametrize(
    ("authority", "served"),
    [
        (b"a.test", True),
        (b"A.TEST:1", True),
        (b"a.test:", True),
        (b"a.test.:80", True),
        (b"b.a.test", False),
        (b"x.b.test", True),
        (b"b.test", False),
        (b"[::1]", True),
        (b"[::1]:80", True),
        (b"[::2]", False),
        (b"c.test:1", True),
        (b"c.test", False),
        (b"\xff", False),
    ],
)
def test_hosts_that_are_served(authority: bytes, *, served: bool) -> None:
    edge = Edge.model_validate({"hosts": ["a.test", "*.b.test", "[::1]", "c.test:1"]})
    assert edge.serves(authority) is served
