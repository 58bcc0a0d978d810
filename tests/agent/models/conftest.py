"""The local model endpoint, for every test of a model."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.agent.models.stub import ModelStub, Reply


@pytest.fixture
def model_stub() -> Iterator[Callable[..., ModelStub]]:
    """model_stub(reply, reply, …) or model_stub(function of the request): a running ModelStub."""
    with ExitStack() as stack:

        def start(*script: Reply) -> ModelStub:
            single = script[0] if len(script) == 1 and callable(script[0]) else list(script)
            return stack.enter_context(ModelStub(single))  # type: ignore[arg-type]

        yield start
