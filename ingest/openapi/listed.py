"""Which operations there are: from the list of routes, each with what is told of it, and who may call it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from starlette.routing import Route

from ingest.api.endpoint import Endpoint
from ingest.api.operation import Described, Operation
from ingest.endpoint import METHODS, DoorEndpoint
from ingest.openapi.open_operations import OPEN, of_door
from ingest.openapi.path_parameters import PART


class Listed(msgspec.Struct, frozen=True):
    """One method of one path. `id`: what programs call it. `is_open`: no key is needed."""

    path: str
    method: str
    id: str
    operation: Operation
    is_open: bool = False


def listed(routes: Iterable[Route]) -> list[Listed]:
    """The operations of these routes, in their order; what nobody has described yet is there all the same."""
    return [one for route in routes for one in _of(route)]


def undescribed(routes: Iterable[Route]) -> list[str]:
    """Those without a summary."""
    return [f"{one.method} {one.path}" for one in listed(routes) if not one.operation.summary]


def _of(route: Route) -> Iterator[Listed]:
    if isinstance(route.endpoint, Endpoint):
        yield from _of_endpoint(route.path, route.endpoint)
    elif isinstance(route.endpoint, DoorEndpoint):
        door = route.endpoint.door
        # A path of the door that says more than the key is called by what it says.
        said = [name for name, _ in PART.findall(route.path)[1:]]
        for method in METHODS:
            id = "_".join((door.name, *said, method.lower()))
            yield Listed(route.path, method, id, of_door(door, route.path, method), True)
    else:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            told = OPEN.get((method, route.path), Operation())
            name = f"{route.path.strip('/').replace('.', '_')}_{method.lower()}"
            yield Listed(route.path, method, told.id or name, told, True)


def _of_endpoint(path: str, endpoint: Endpoint) -> Iterator[Listed]:
    for method, handler in endpoint.handlers.items():
        described = handler if isinstance(handler, Described) else Described(handler, Operation())
        module, name = described.handler.__module__.rpartition(".")[2], described.handler.__name__
        yield Listed(path, method, f"{module}_{name}", described.by(method))
