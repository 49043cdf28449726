"""What the commands that ask a running proxy share: an admin API on loopback."""

from collections.abc import Iterator

import pytest

from tests.admin.desk import Desk
from tests.cli.serving import served


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with served(desk.api) as address:
        yield address
