"""What our connections use of uvicorn's protocol is still there; when uvicorn changes it, the failure names what."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib.metadata import requires, version
from types import ModuleType

import pytest
import uvicorn
from packaging.requirements import Requirement
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ingest import desk, guard, lane
from ingest.guard import Guard
from ingest.lane import Lane
from ingest.waiting import Waiting


def attributes_of(kind: type) -> set[str]:
    """The names that a class and its instances have, without making one."""
    tree = ast.parse(inspect.getsource(kind))
    stored = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    return stored | set(dir(kind))


def used(module: ModuleType, owner: str) -> Iterator[str]:
    """The names that a module uses of `owner`, such as `self` or `self.cycle`."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == owner:
            yield node.attr


OURS = attributes_of(Guard) - set(dir(HttpToolsProtocol)) | attributes_of(Lane) - set(dir(HttpToolsProtocol))
INHERITED = set(inspect.get_annotations(Waiting)) | {
    name for name in vars(Waiting) if not name.startswith("__")
}
FROM_UVICORN = {
    "self": HttpToolsProtocol,
    "self.cycle": RequestResponseCycle,
    "self.flow": FlowControl,
    "self._state": ServerState,
}


@pytest.mark.parametrize("module", [guard, lane, desk])
@pytest.mark.parametrize("owner", FROM_UVICORN)
def test_every_attribute_that_is_used_of_uvicorn_is_there(module: ModuleType, owner: str) -> None:
    there = attributes_of(FROM_UVICORN[owner])
    if owner == "self":
        there |= OURS | INHERITED | attributes_of(desk.Desk)
    gone = {name for name in used(module, owner) if name not in there}
    assert not gone, (
        f"uvicorn {version('uvicorn')} has no {owner}.{gone} any more, which {module.__name__} uses"
    )


@pytest.mark.parametrize(
    "name",
    [
        "connection_made",
        "data_received",
        "eof_received",
        "resume_writing",
        "shutdown",
        "on_message_begin",
        "on_header",
        "on_headers_complete",
        "on_message_complete",
        "on_response_complete",
        "send_400_response",
        "_unsupported_upgrade_warning",
        "_unset_keepalive_if_required",
    ],
)
def test_every_method_that_is_overridden_or_called_takes_what_it_took(name: str) -> None:
    theirs = getattr(HttpToolsProtocol, name, None)
    assert theirs is not None, f"HttpToolsProtocol.{name} is gone"
    ours = next(vars(kind)[name] for kind in Lane.__mro__ if name in vars(kind))
    found = [list(inspect.signature(one).parameters) for one in (theirs, ours)]
    assert found[0] == found[1], f"HttpToolsProtocol.{name} has other parameters than ours"


def test_a_protocol_is_made_as_uvicorn_makes_it() -> None:
    theirs = list(inspect.signature(HttpToolsProtocol.__init__).parameters)
    assert theirs == ["self", "config", "server_state", "app_state", "_loop"]
    ours = list(inspect.signature(Lane.__init__).parameters)
    assert ours == ["self", "desk", *theirs[1:]]
    assert "http" in vars(uvicorn.Config(lambda: None)), "Config.http is gone, where our protocol is put in"


def test_what_stands_around_the_protocol_is_there() -> None:
    assert httptools_impl.STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"
    assert isinstance(ServerState().default_headers, list)
    trusted = ProxyHeadersMiddleware(desk._no_app, "127.0.0.1, 10.0.0.0/8").trusted_hosts
    assert "10.1.2.3" in trusted and "11.1.2.3" not in trusted
    assert trusted.get_trusted_client_address("203.0.113.7, 10.1.2.3") == ("203.0.113.7", 0)


def test_uvicorn_is_pinned_to_the_range_that_was_tested() -> None:
    pinned = next(
        found for text in requires("overdue") or () if (found := Requirement(text)).name == "uvicorn"
    )
    assert {one.operator for one in pinned.specifier} == {">=", "<"}
    assert pinned.specifier.contains(version("uvicorn"))
