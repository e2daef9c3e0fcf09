"""A cluster that does not answer is said at once, before any work."""

from __future__ import annotations

import socket

import pytest

from toolchain.engine import on_ray
from toolchain.engine.run import check_engine
from toolchain.errors import WorkError


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "installed", lambda name: "2")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("start", ["", "ray://"])
def test_an_address_where_nothing_answers(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{start}127.0.0.1:{free_port()}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(WorkError, match=f"engine ray: RAY_ADDRESS is {address}, and nothing answers there"):
        check_engine("ray")


def test_addresses_that_answer_or_that_ray_finds_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for address in (f"127.0.0.1:{server.getsockname()[1]}", "auto", "local", ""):
            monkeypatch.setenv("RAY_ADDRESS", address)
            check_engine("ray")
