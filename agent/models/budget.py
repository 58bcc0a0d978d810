"""What a hosted model may use, held before each call: tokens and dollars are reserved at their most, then settled."""

import threading
from decimal import Decimal

from pydantic import Field

from tools.errors import LimitReached
from tools.records import Money, Record


class HostedLimits(Record):
    """What one HostedModel may use. None = not limited; an unknown price makes dollars unknown, and a dollar limit
    without a price refuses: it could not be kept.
    """

    deadline_seconds: float = Field(default=120.0, gt=0)
    """for one turn, every attempt and wait included"""
    attempts: int = Field(default=4, ge=1, le=10)
    max_output_tokens: int = Field(default=4096, ge=16)
    tokens: int | None = Field(default=None, ge=0)
    """prompt and completion, all turns together"""
    usd: Money | None = Field(default=None, ge=0)
    prompt_usd_per_million_tokens: Money | None = Field(default=None, ge=0)
    completion_usd_per_million_tokens: Money | None = Field(default=None, ge=0)


class Budget:
    """The counters of one HostedModel, shared by the threads that it serves."""

    def __init__(self, who: str, limits: HostedLimits) -> None:
        self._who, self._limits = who, limits
        self._lock = threading.Lock()
        self._tokens, self._usd = 0, Decimal(0)

    @property
    def tokens_used(self) -> int:
        return self._tokens

    def price(self, prompt: int, completion: int) -> Decimal | None:
        """USD of so many tokens; None = the price is unknown."""
        per_prompt = self._limits.prompt_usd_per_million_tokens
        per_completion = self._limits.completion_usd_per_million_tokens
        if per_prompt is None or per_completion is None:
            return None
        return (prompt * per_prompt + completion * per_completion) / 1_000_000

    def reserve(self, prompt: int) -> tuple[int, Decimal]:
        """Take the most that a call can cost before it is made. Raises LimitReached."""
        limits = self._limits
        tokens = prompt + limits.max_output_tokens
        usd = self.price(prompt, limits.max_output_tokens)
        if limits.usd is not None and usd is None:
            raise LimitReached("a dollar limit is set and the model's price is unknown", hint="set the price per token")
        with self._lock:
            if limits.tokens is not None and self._tokens + tokens > limits.tokens:
                raise LimitReached(
                    (
                        f"{self._who}: {self._tokens:,} of {limits.tokens:,} tokens used, the next call may take "
                        f"{tokens:,}"
                    ),
                    hint="raise the token limit, or use the offline planner",
                )
            if limits.usd is not None and usd is not None and self._usd + usd > limits.usd:
                raise LimitReached(
                    f"{self._who}: ${self._usd:.4f} of ${limits.usd:.4f} used, the next call may cost ${usd:.4f}",
                    hint="raise the dollar limit, or use the offline planner",
                )
            self._tokens += tokens
            self._usd += usd or 0
        return tokens, usd or Decimal(0)

    def settle(self, reserved: tuple[int, Decimal], used: tuple[int, int]) -> None:
        """Give back what the call did not use; used is (prompt, completion) tokens."""
        with self._lock:
            self._tokens += sum(used) - reserved[0]
            self._usd += (self.price(*used) or Decimal(0)) - reserved[1]
