"""A language model behind an OpenAI-compatible endpoint: Chat Completions, streamed, with tools.

The SDK is told to retry nothing: retries, their waits, the deadline and the budget are ours, so that they are bounded
and a person's stop ends them at once. Whatever the endpoint sends, memory stays bounded and the key is never shown.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk

from agent.models.budget import Budget, HostedLimits
from agent.models.draft import Draft, estimate, take, used_tokens
from agent.models.menu import on_the_menu, openai_tools
from agent.models.model import Delta, Message, ToolCall, Turn
from tools.errors import ModelError
from tools.tool import Tool

OPENAI = "https://api.openai.com/v1"
_MAX_RESPONSE_BYTES = 8 * 1024 * 1024
_TICK_SECONDS = 0.05
"""how often stop() is looked at while the endpoint is silent"""
_KEY_LIKE = re.compile(r"\b(?:sk|key|pk|gsk|xai)-[\w*.-]{6,}|Bearer\s+\S+", re.IGNORECASE)


class _Trouble(Exception):
    """One attempt failed. `again` says whether another may help; `after` what the endpoint asked to wait, seconds."""

    def __init__(self, what: str, *, hint: str, again: bool, after: float | None = None) -> None:
        super().__init__(what)
        self.what, self.hint, self.again, self.after = what, hint, again, after


class HostedModel:
    """Satisfies agent.models.model.Model. One object may serve several threads; its budget is shared by them."""

    is_language_model = True

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        model: str,
        limits: HostedLimits | None = None,
        wait: Callable[[float], None] = time.sleep,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """base_url  None = OpenAI's own; a loopback endpoint needs no key

        Raises  ModelError: no key for an endpoint that is not on this machine, or an address that is none
        """
        self._base_url = (base_url or OPENAI).rstrip("/")
        host = urlsplit(self._base_url).hostname
        if not host or urlsplit(self._base_url).scheme not in {"http", "https"}:
            raise ModelError(
                f"{self._base_url!r} is no model endpoint", hint="give a URL such as http://127.0.0.1:8000/v1"
            )
        self._local = _is_loopback(host)
        if not api_key and not self._local:
            raise ModelError(
                f"no API key for the model endpoint at {host}", hint="set OPENAI_API_KEY, or use the offline planner"
            )
        self._key = api_key or "no-key-on-loopback"
        self._model, self._where = model, host
        self._limits = limits or HostedLimits()
        self._wait, self._stopwatch = wait, stopwatch
        self.name = f"{model} at {host}"
        self._budget = Budget(self.name, self._limits)

    def respond(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, stop: Callable[[], bool]
    ) -> Iterator[Delta | Turn]:
        """One streamed turn. After words were streamed a failure is final: they cannot be taken back."""
        request = self._request(*on_the_menu(messages, tools))
        prompt = estimate(json.dumps(request, ensure_ascii=False))
        started, draft = self._stopwatch(), Draft()
        for attempt in range(1, self._limits.attempts + 1):
            if stop():
                yield self._turn(Draft(), 0)
                return
            reserved = self._budget.reserve(prompt)
            draft, paid = Draft(), False
            try:
                yield from self._stream(request, draft, started, stop)
                paid = True
                break
            except _Trouble as trouble:
                if not trouble.again or draft.characters or attempt == self._limits.attempts:
                    raise self._failure(trouble, attempt) from None
                self._pause(trouble, attempt, started, stop)
            finally:
                self._budget.settle(reserved, used_tokens(draft, prompt) if paid or draft.begun else (0, 0))
        if stop() and draft.finish is None:
            draft.calls.clear()  # half a call is no call
        yield self._turn(draft, prompt)

    @property
    def tokens_used(self) -> int:
        return self._budget.tokens_used

    # the answer

    def _turn(self, draft: Draft, prompt: int) -> Turn:
        used = used_tokens(draft, prompt) if prompt else (0, 0)
        usd = self._budget.price(*used)
        calls = tuple(
            ToolCall(call_id=c.call_id or f"call-{index}", tool=c.tool, arguments=c.arguments)
            for index, c in sorted(draft.calls.items())
        )
        return Turn(
            text="".join(draft.text),
            tool_calls=calls,
            prompt_tokens=used[0],
            completion_tokens=used[1],
            usd=None if usd is None else float(usd),
        )

    # the wire

    def _request(self, messages: Sequence[Message], tools: Sequence[Tool]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [_on_the_wire(m) for m in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": self._limits.max_output_tokens,
        }
        return {**request, "tools": openai_tools(tools)} if tools else request

    def _stream(
        self, request: dict[str, Any], draft: Draft, started: float, stop: Callable[[], bool]
    ) -> Iterator[Delta]:
        """One attempt, on an event loop of its own, so that silence can be looked away from. Raises _Trouble."""
        with _Loop() as loop:
            client = self._client()
            stream: Any = None
            try:
                opening = client.chat.completions.create(**request)
                stream = self._await(loop, opening, started, stop)
                while stream is not None and not stop():
                    chunk = self._await(loop, _next(stream), started, stop)
                    if chunk is None:
                        break
                    piece = take(draft, chunk)
                    if piece:
                        yield Delta(text=piece)
                    if draft.oversized:
                        return
            finally:
                loop.run_until_complete(_closed(stream, client))
            if not stop():
                _check_whole(draft)

    def _await(
        self, loop: asyncio.AbstractEventLoop, step: Coroutine[Any, Any, Any], started: float, stop: Callable[[], bool]
    ) -> Any:
        """The step's result; None = stopped, or the stream is over. Looks at stop and deadline every tick."""
        task = loop.create_task(step)
        while not task.done():
            loop.run_until_complete(asyncio.wait({task}, timeout=_TICK_SECONDS))
            late = self._stopwatch() - started > self._limits.deadline_seconds
            if not task.done() and (stop() or late):
                task.cancel()
                loop.run_until_complete(asyncio.wait({task}, timeout=1.0))
                if late and not stop():
                    raise _Trouble(
                        f"no answer within {self._limits.deadline_seconds:g} s",
                        hint="try again, raise the deadline, or use the offline planner",
                        again=False,
                    )
                return None
        try:
            return task.result()
        except openai.OpenAIError as error:
            raise _understood(error) from None
        except (httpx2.HTTPError, ValueError, RecursionError) as error:
            raise _Trouble(
                f"the stream cannot be read: {type(error).__name__}: {_short(str(error))}",
                hint="the endpoint broke off or does not speak the OpenAI wire: try again, or another endpoint",
                again=True,
            ) from None

    def _client(self) -> openai.AsyncOpenAI:
        timeout = httpx2.Timeout(self._limits.deadline_seconds, connect=min(10.0, self._limits.deadline_seconds))
        http = openai.DefaultAsyncHttpxClient(
            timeout=timeout,
            trust_env=not self._local,  # a proxy never stands before this very machine
            headers={"Accept-Encoding": "identity"},
            event_hooks={"response": [_bounded]},
            follow_redirects=False,  # a redirect would carry the key elsewhere
        )
        return openai.AsyncOpenAI(
            base_url=self._base_url, api_key=self._key, max_retries=0, timeout=timeout, http_client=http
        )

    # trouble

    def _failure(self, trouble: _Trouble, attempts: int) -> ModelError:
        tried = f" ({attempts} attempts)" if attempts > 1 else ""
        return ModelError(self._redacted(f"{self.name}: {trouble.what}{tried}"), hint=trouble.hint)

    def _redacted(self, text: str) -> str:
        return _KEY_LIKE.sub("***", text.replace(self._key, "***"))

    def _pause(self, trouble: _Trouble, attempt: int, started: float, stop: Callable[[], bool]) -> None:
        """Wait in small pieces: what the endpoint asked for, else 0.5, 1, 2, … s.

        Raises  ModelError: the wait would pass the deadline
        """
        seconds = min(trouble.after if trouble.after is not None else 0.5 * 2 ** (attempt - 1), 60.0)
        if self._stopwatch() - started + seconds > self._limits.deadline_seconds:
            raise self._failure(trouble, attempt) from None
        while seconds > 0 and not stop():
            self._wait(min(seconds, 0.1))
            seconds -= 0.1


def first_model(base_url: str, api_key: str | None) -> str:
    """The model that an endpoint names first: a local server mostly has one.

    Raises  ModelError: the endpoint does not tell
    """
    try:
        with openai.OpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=10) as client:
            found = client.models.list().data
    except openai.OpenAIError as error:
        raise ModelError(
            f"{base_url}: the endpoint does not list its models: {type(error).__name__}",
            hint="name one with SPOTWARDEN_MODEL, or unset OPENAI_BASE_URL for the offline planner",
        ) from None
    if not found:
        raise ModelError(f"{base_url}: the endpoint has no model", hint="name one with SPOTWARDEN_MODEL")
    return found[0].id


class _Loop:
    """An event loop that is closed whatever happens."""

    def __enter__(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.new_event_loop()
        return self._loop

    def __exit__(self, *_: object) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def _next(stream: Any) -> ChatCompletionChunk | None:
    return await anext(stream, None)


async def _closed(stream: Any, client: openai.AsyncOpenAI) -> None:
    with contextlib.suppress(httpx2.HTTPError, openai.OpenAIError, TimeoutError):
        async with asyncio.timeout(1.0):
            if stream is not None:
                await stream.close()
            await client.close()


class _Bounded(httpx2.AsyncByteStream):
    """A response body that ends in an error before it fills the memory."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __aiter__(self) -> Any:
        left = _MAX_RESPONSE_BYTES
        async for piece in self._inner:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError(f"more than {_MAX_RESPONSE_BYTES:,} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _bounded(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("a compressed answer, which was not asked for")
    response.stream = _Bounded(response.stream)


def _check_whole(draft: Draft) -> None:
    if draft.finish is None:
        raise _Trouble(
            f"the answer broke off after {draft.characters:,} characters and {len(draft.calls)} tool calls",
            hint="ask again; if it happens often, the endpoint or a proxy before it cuts streams",
            again=not draft.characters,
        )
    if draft.characters or draft.calls:
        return
    if draft.finish == "content_filter":
        raise _Trouble(
            "the endpoint's content filter withheld the answer", hint="word the question differently", again=False
        )
    raise _Trouble(
        f"an empty answer (finish reason {_short(str(draft.finish))})",
        hint="ask again, or choose another model",
        again=draft.finish != "length",
    )


def _understood(error: openai.OpenAIError) -> _Trouble:
    """The SDK's error in our words: what was seen, what to do, whether to try again."""
    if isinstance(error, openai.APITimeoutError):
        return _Trouble("no answer in time", hint="try again, or use the offline planner", again=True)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        return _Trouble(
            f"cannot be reached: {type(cause).__name__}: {_short(str(cause))}",
            hint="check OPENAI_BASE_URL and the network, or use the offline planner",
            again=True,
        )
    if isinstance(error, openai.APIStatusError):
        return _status(error)
    return _Trouble(f"the endpoint reported: {_short(str(error))}", hint="try again, or another model", again=True)


def _status(error: openai.APIStatusError) -> _Trouble:  # noqa: PLR0911 - one return a case
    code, said = error.status_code, _short(str(error.message))
    what = f"HTTP {code}: {said}"
    if code == 401:
        return _Trouble(what, hint="the API key is missing, wrong or expired: set OPENAI_API_KEY", again=False)
    if code == 403:
        return _Trouble(what, hint="this key may not use this model: choose another in SPOTWARDEN_MODEL", again=False)
    if code in {400, 404, 422, 501} and re.search(r"tool|function", said, re.IGNORECASE):
        return _Trouble(
            what, hint="this model takes no tools: choose one with tool calling, or the offline planner", again=False
        )
    if code == 404:
        return _Trouble(
            what, hint="no such model or path: check SPOTWARDEN_MODEL and OPENAI_BASE_URL (it ends in /v1)", again=False
        )
    if code == 429:
        quota = re.search(r"quota|billing", said, re.IGNORECASE) is not None
        hint = "the account's quota is used up" if quota else "too many requests: wait a little"
        return _Trouble(what, hint=f"{hint}, or use the offline planner", again=not quota, after=_retry_after(error))
    if code >= 500 or code in {408, 409}:
        return _Trouble(
            what,
            hint="the endpoint is failing: try again later, or use the offline planner",
            again=True,
            after=_retry_after(error),
        )
    return _Trouble(what, hint="the endpoint refused the request: check the model and its limits", again=False)


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e6 else None


def _on_the_wire(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        out["tool_calls"] = [
            {"id": c.call_id, "type": "function", "function": {"name": c.tool, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
        out["content"] = message.content or None
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    return out


def _short(text: str) -> str:
    line = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).strip()
    return line if len(line) <= 300 else line[:299] + "…"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
