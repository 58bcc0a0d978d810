"""The hosted model: the real SDK against a real HTTP endpoint, its faults included."""

import itertools
import threading
import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from agent.models.hosted import HostedLimits, HostedModel
from agent.models.model import Delta, Message, ToolCall, Turn
from agent.toolbelt import Toolbelt
from tests.agent.models.stub import ModelStub, call, fail, say
from tests.agent.models.world import CATALOG, desk
from tools.errors import LimitReached, ModelError

KEY = "sk-canary-1234567890abcdef"
ASKED = (Message(role="system", content="be brief"), Message(role="user", content="where is the money?"))
Start = Callable[..., ModelStub]


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def model(stub: ModelStub, *, waits: Waits | None = None, **limits: Any) -> HostedModel:
    return HostedModel(
        base_url=stub.url,
        api_key=KEY,
        model="stub",
        limits=HostedLimits(**limits),
        wait=waits if waits is not None else Waits(),
    )


def answer(hosted: HostedModel, messages: Any = ASKED, stop: Callable[[], bool] = lambda: False) -> Turn:
    last = list(hosted.respond(messages, CATALOG, stop=stop))[-1]
    assert isinstance(last, Turn)
    return last


@pytest.mark.accepts("DC-01")
def test_words_stream_and_the_whole_turn_comes_last(model_stub: Start) -> None:
    stub = model_stub(say("the money goes to ml-train"))
    pieces = list(model(stub).respond(ASKED, CATALOG, stop=lambda: False))
    assert len([p for p in pieces if isinstance(p, Delta)]) == 5
    turn = pieces[-1]
    assert isinstance(turn, Turn)
    assert turn.text == "the money goes to ml-train "
    assert (turn.prompt_tokens, turn.completion_tokens) == (11, 7)
    assert turn.usd is None, "an unknown price is unknown, not free"


@pytest.mark.accepts("DC-01")
def test_tool_calls_are_assembled_from_their_pieces(model_stub: Start) -> None:
    stub = model_stub(
        call(("describe_fleet", {"fleet": "batch"}), ("analyze_prices", {"fleet": "m5.large", "window_hours": 24}))
    )
    turn = answer(model(stub))
    assert [(c.tool, c.arguments) for c in turn.tool_calls] == [
        ("describe_fleet", '{"fleet": "batch"}'),
        ("analyze_prices", '{"fleet": "m5.large", "window_hours": 24}'),
    ]
    assert len({c.call_id for c in turn.tool_calls}) == 2


def test_the_wire_carries_the_conversation_and_strict_tools(model_stub: Start) -> None:
    stub = model_stub(say("ok"))
    talk = (
        *ASKED,
        Message(role="assistant", content="", tool_calls=(ToolCall(call_id="c1", tool="list_fleets", arguments="{}"),)),
        Message(role="tool", content='{"ok":true}', tool_call_id="c1", tool="list_fleets"),
    )
    answer(model(stub), talk)
    sent = stub.requests[0]
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][2]["tool_calls"][0]["function"] == {"name": "list_fleets", "arguments": "{}"}
    assert sent["messages"][3]["tool_call_id"] == "c1"
    assert all(
        t["function"]["strict"] and not t["function"]["parameters"]["additionalProperties"] for t in sent["tools"]
    )


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (401, f"Incorrect API key provided: {KEY}", "OPENAI_API_KEY"),
        (403, "not allowed", "SPOTWARDEN_MODEL"),
        (404, "The model `stub` does not exist", "SPOTWARDEN_MODEL"),
        (400, "this model does not support tools", "tool calling"),
        (400, "context length exceeded", "limits"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do_without_the_key(
    model_stub: Start, status: int, said: str, told: str
) -> None:
    stub, waits = model_stub(fail(status, said)), Waits()
    with pytest.raises(ModelError) as caught:
        answer(model(stub, waits=waits))
    assert f"HTTP {status}" in caught.value.message
    assert "127.0.0.1" in caught.value.message
    assert told in caught.value.hint
    assert KEY not in caught.value.message + caught.value.hint
    assert len(stub.requests) == 1
    assert not waits


def test_a_429_is_waited_out_for_as_long_as_the_endpoint_asks(model_stub: Start) -> None:
    stub, waits = model_stub(fail(429, "slow down", retry_after="2"), say("here")), Waits()
    assert answer(model(stub, waits=waits)).text == "here "
    assert sum(waits) == pytest.approx(2.0)


def test_a_used_up_quota_is_not_tried_again(model_stub: Start) -> None:
    stub = model_stub(fail(429, "You exceeded your current quota"))
    with pytest.raises(ModelError, match="429"):
        answer(model(stub))
    assert len(stub.requests) == 1


def test_a_500_is_tried_a_bounded_number_of_times(model_stub: Start) -> None:
    stub, waits = model_stub(fail(500, "oops")), Waits()
    with pytest.raises(ModelError, match=r"HTTP 500.*3 attempts") as caught:
        answer(model(stub, waits=waits, attempts=3))
    assert "offline planner" in caught.value.hint
    assert len(stub.requests) == 3
    assert sum(waits) == pytest.approx(1.5), "half a second, then one"


def test_waiting_never_passes_the_deadline(model_stub: Start) -> None:
    stub, waits = model_stub(fail(503, "busy", retry_after="50")), Waits()
    with pytest.raises(ModelError, match="503"):
        answer(model(stub, waits=waits, deadline_seconds=20))
    assert not waits


def test_a_dropped_connection_is_tried_again(model_stub: Start) -> None:
    stub = model_stub({"fault": "drop"}, say("back"))
    assert answer(model(stub)).text == "back "


def test_half_a_stream_is_tried_again_while_nothing_was_said(model_stub: Start) -> None:
    stub = model_stub(call(("describe_fleet", {"fleet": "batch"}), fault="cut"), say("whole"))
    turn = answer(model(stub))
    assert turn.text == "whole "
    assert not turn.tool_calls, "half a call is no call"


def test_half_a_stream_after_words_is_an_error_that_says_so(model_stub: Start) -> None:
    stub = model_stub(say("I was about to", fault="cut"))
    with pytest.raises(ModelError, match=r"broke off|cannot be read|cannot be reached"):
        answer(model(stub))
    assert len(stub.requests) == 1


def test_a_chunk_that_is_no_json_is_an_error_not_a_crash(model_stub: Start) -> None:
    stub = model_stub(say("", fault="garbage"))
    with pytest.raises(ModelError, match="cannot be read"):
        answer(model(stub, attempts=2))
    assert len(stub.requests) == 2


def test_chunks_of_an_odd_shape_are_passed_over(model_stub: Start) -> None:
    assert answer(model(model_stub(say("still fine", fault="odd")))).text == "still fine "


def test_an_empty_answer_is_an_error(model_stub: Start) -> None:
    with pytest.raises(ModelError, match="empty answer"):
        answer(model(model_stub(say("")), attempts=2))


def test_malformed_arguments_reach_the_toolbelt_as_they_are_and_are_refused_there(model_stub: Start) -> None:
    turn = answer(model(model_stub(call(("describe_fleet", '{"fleet": "batch", "fleet": "api-core"')))))
    result = Toolbelt(CATALOG, desk()).run(turn.tool_calls[0])
    assert not result.ok
    assert "not JSON" in result.text_for_model


def test_an_unknown_tool_is_named_with_the_nearest(model_stub: Start) -> None:
    turn = answer(model(model_stub(call(("describe_flet", {"fleet": "batch"})))))
    assert "describe_fleet" in Toolbelt(CATALOG, desk()).run(turn.tool_calls[0]).text_for_model


@pytest.mark.parametrize("piece", [4096, 1 << 20])
def test_a_megabyte_of_arguments_is_cut_off_and_refused(model_stub: Start, piece: int) -> None:
    stub = model_stub(call(("describe_fleet", '{"fleet": "' + "x" * (1 << 20) + '"}'), piece=piece))
    turn = answer(model(stub))
    assert len(turn.tool_calls[0].arguments) == 64 * 1024 + 1
    result = Toolbelt(CATALOG, desk()).run(turn.tool_calls[0])
    assert not result.ok
    assert "at most 65,536" in result.text_for_model


def test_an_answer_without_end_is_cut_in_bounded_memory(model_stub: Start) -> None:
    stub = model_stub(say("", fault="huge"))
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="more than 8,388,608 bytes"):
            answer(model(stub, attempts=1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024 * 1024


def test_stop_ends_a_slow_stream_with_what_there_is(model_stub: Start) -> None:
    stub = model_stub(say("one two three four five six seven eight nine", fault="slow", seconds=0.2))
    stop = threading.Event()
    pieces = []
    for piece in model(stub).respond(ASKED, CATALOG, stop=stop.is_set):
        pieces.append(piece)
        stop.set()
    assert isinstance(pieces[-1], Turn)
    assert pieces[-1].text == "one "


def test_stop_ends_a_silent_stream_promptly(model_stub: Start) -> None:
    stub = model_stub({"fault": "silent"})
    started = time.monotonic()
    turn = answer(model(stub), stop=lambda: time.monotonic() - started > 0.2)
    assert turn.text == ""
    assert time.monotonic() - started < 5
    assert stub.left.wait(5), "the connection was let go"


def test_a_silent_endpoint_ends_at_the_deadline(model_stub: Start) -> None:
    stub = model_stub({"fault": "silent"})
    with pytest.raises(ModelError, match=r"no answer within 0.3 s"):
        answer(model(stub, deadline_seconds=0.3))


def test_an_abandoned_stream_leaves_nothing_open(model_stub: Start) -> None:
    stub = model_stub({"fault": "slow", "content": "a b c d e f g h", "seconds": 0.05})
    stream = model(stub).respond(ASKED, CATALOG, stop=lambda: False)
    assert isinstance(next(iter(stream)), Delta)
    stream.close()  # type: ignore[attr-defined]


def test_tokens_are_reserved_before_a_call_is_made(model_stub: Start) -> None:
    stub = model_stub(say("short"))
    with pytest.raises(LimitReached, match="tokens"):
        answer(model(stub, tokens=100))
    assert not stub.requests


def test_unused_reservation_is_given_back(model_stub: Start) -> None:
    stub = model_stub(say("short"))
    hosted = model(stub, tokens=20_000)
    for used in itertools.islice(itertools.count(18, 18), 5):
        answer(hosted)
        assert hosted.tokens_used == used


def test_dollars_are_counted_at_the_configured_price_and_limited(model_stub: Start) -> None:
    stub = model_stub(say("short"))
    price = {"prompt_usd_per_million_tokens": Decimal(10), "completion_usd_per_million_tokens": Decimal(100)}
    assert answer(model(stub, usd=Decimal(1), **price)).usd == pytest.approx((11 * 10 + 7 * 100) / 1e6)
    with pytest.raises(LimitReached, match=r"\$"):
        answer(model(stub, usd=Decimal("0.01"), **price))


def test_a_dollar_limit_without_a_price_refuses(model_stub: Start) -> None:
    with pytest.raises(LimitReached, match="price is unknown"):
        answer(model(model_stub(say("short")), usd=Decimal(1)))


def test_a_failed_call_costs_nothing(model_stub: Start) -> None:
    hosted = model(model_stub(fail(500)), attempts=2)
    with pytest.raises(ModelError):
        answer(hosted)
    assert hosted.tokens_used == 0


def test_a_loopback_endpoint_needs_no_key_and_others_do(model_stub: Start) -> None:
    stub = model_stub(say("ok"))
    assert answer(HostedModel(base_url=stub.url, api_key=None, model="stub")).text == "ok "
    assert {k.lower(): v for k, v in stub.headers[0].items()}["authorization"] == "Bearer no-key-on-loopback"
    with pytest.raises(ModelError, match="no API key"):
        HostedModel(base_url="https://api.example/v1", api_key=None, model="stub")


def test_an_endpoint_that_is_not_there_is_named() -> None:
    hosted = HostedModel(base_url="http://127.0.0.1:9/v1", api_key=None, model="stub", wait=Waits())
    with pytest.raises(ModelError, match=r"127\.0\.0\.1: cannot be reached") as caught:
        answer(hosted)
    assert "OPENAI_BASE_URL" in caught.value.hint
