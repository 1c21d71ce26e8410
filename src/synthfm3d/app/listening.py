"""Two servers in one process: the page and the wires at one port, ITK-SNAP's wire at another."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class _Beside(uvicorn.Server):
    """A server that leaves signals to the first one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_both(
    main: uvicorn.Server, listener: socket.socket, beside: uvicorn.Config, beside_listener: socket.socket
) -> None:
    """Serve at two sockets until the process is stopped."""
    asyncio.run(_serve_both(main, listener, _Beside(beside), beside_listener))


async def _serve_both(
    main: uvicorn.Server, listener: socket.socket, beside: uvicorn.Server, beside_listener: socket.socket
) -> None:
    second = asyncio.create_task(beside.serve(sockets=[beside_listener]))
    try:
        await main.serve(sockets=[listener])
    finally:
        beside.should_exit = True
        await second
