"""What the tests of the whole system share: a running house, somebody who is told, and a user's API."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.system.api import Api
from tests.system.house import House, keeping_house
from tests.system.receiver import Receiver, receiving


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all tests of a module; each test makes monitors of its own in it."""
    with keeping_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def api(house: House, receiver: Receiver) -> Iterator[Api]:
    """A user whose organisation tells the receiver."""
    api = Api(house.url)
    receiver.secret = api.channel(receiver.url)["secret"]
    yield api
    api.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what its house has said."""
    report = yield
    house = getattr(item, "funcargs", {}).get("house")
    if report.failed and isinstance(house, House):
        report.sections.append(("what serve said", house.said()))
    return report
