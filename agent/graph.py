"""The graph of one run, on LangGraph: observe ⇄ model, propose, ask (the one interrupt), act, and back to observe.

Its checkpoints are a cache beside the journal, in a file of their own that may be deleted at any time: they hold
ids and counters (agent/state.py) and are thrown away with each finished run. They are read in LangGraph's strict
mode: with the default a forged row runs code when it is loaded.
"""

import os
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

# read once, when langgraph is first imported: so it is set here, before
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

from langgraph.checkpoint.serde import _msgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StreamWriter, interrupt

from agent.events import Event
from agent.nodes import Walk
from agent.state import Limits, RunState, is_run_state

if not _msgpack.STRICT_MSGPACK_ENABLED:  # pragma: no cover - langgraph was imported before us, with another mind
    raise RuntimeError("langgraph was imported before agent.graph: its checkpoints would be read without strict mode")

_STEPS = ("observe", "propose", "ask", "act")


class Graph:
    """One conversation's graph with its cache. Steps run in order; every one may run again from its start."""

    def __init__(self, saver: SqliteSaver, walk: Walk) -> None:
        self._saver = saver
        self._graph = _compile(saver, walk)
        self._thread = walk.transcript.conversation_id
        self._config: Any = {
            "configurable": {"thread_id": self._thread},
            "recursion_limit": _most_steps(walk.limits),
        }

    def start(self, state: RunState) -> Generator[Event, None, None]:
        """Run from a state, whatever the cache holds. Ends when the run is over or asks; errors of a step propagate."""
        self.forget()
        return self._stream(state)

    def go_on(self, *, answered: bool) -> Generator[Event, None, None]:
        """Run on from the cache: past the interrupt when it was answered, else from where a kill left it."""
        return self._stream(Command(resume=True) if answered else None)

    def standing(self) -> RunState | None:
        """Where the cached run stands; None = nothing there, nothing to go on with, or not a state of ours."""
        try:
            snapshot = self._graph.get_state(self._config)
        except Exception:  # noqa: BLE001 - whatever a damaged or forged row makes of langgraph: the journal knows
            return None
        if not is_run_state(snapshot.values) or len(snapshot.next) != 1:
            return None
        return cast("RunState", {**snapshot.values, "next": snapshot.next[0]})

    def forget(self) -> None:
        """Drop what the cache holds of this conversation."""
        self._saver.delete_thread(self._thread)

    def _stream(self, start: RunState | Command[Any] | None) -> Generator[Event, None, None]:
        # "sync": a step's end is on disk before the next begins
        events = self._graph.stream(start, self._config, stream_mode="custom", durability="sync")
        yield from cast("Iterator[Event]", events)


def _most_steps(limits: Limits) -> int:
    """Nodes that a run can pass within its limits, with room: langgraph's own bound must never speak first."""
    return 3 * limits.steps + 3 * limits.proposals + 20


def _compile(saver: SqliteSaver, walk: Walk) -> "CompiledStateGraph[RunState, None, RunState, RunState]":
    def observe(state: RunState, writer: StreamWriter) -> RunState:
        return walk.observe(state, writer)

    def propose(state: RunState, writer: StreamWriter) -> RunState:
        return walk.propose(state, writer)

    def ask(state: RunState) -> dict[str, str]:
        # nothing else here: it runs again from its start when it is answered. What was answered, the journal knows
        interrupt(state["proposal_id"])
        return {"next": "act"}

    def act(state: RunState, writer: StreamWriter) -> RunState:
        return walk.act(state, writer)

    def route(state: RunState) -> str:
        return END if state["next"] == "end" else state["next"]

    graph = StateGraph(RunState)
    steps: dict[str, Callable[..., Any]] = {"observe": observe, "propose": propose, "ask": ask, "act": act}
    for name in _STEPS:
        graph.add_node(name, steps[name])
    graph.add_conditional_edges(START, route, list(_STEPS))
    graph.add_conditional_edges("observe", route, ["observe", "propose", END])
    graph.add_conditional_edges("propose", route, ["observe", "ask", "act"])
    graph.add_edge("ask", "act")
    graph.add_edge("act", "observe")
    return graph.compile(checkpointer=saver)


@contextmanager
def open_graph(path: Path, walk: Walk) -> Iterator[Graph]:
    """The graph with its cache file, mode 0600; a file that is no database of ours is replaced by an empty one."""
    try:
        connection = _connect(path)
    except sqlite3.DatabaseError:
        for part in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            part.unlink(missing_ok=True)
        connection = _connect(path)
    with closing(connection):
        # no types but plain ones, said here too: the switch above is langgraph's, this is ours
        saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        yield Graph(saver, walk)


def _connect(path: Path) -> sqlite3.Connection:
    """Open and look. Raises  sqlite3.DatabaseError: it is not a database, or its tables are not langgraph's"""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
    try:
        saver = SqliteSaver(connection)
        saver.setup()
        connection.execute("PRAGMA quick_check(1)").fetchone()
        connection.execute("SELECT thread_id, checkpoint, metadata FROM checkpoints LIMIT 1").fetchone()
        connection.execute("SELECT thread_id, task_path, value FROM writes LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
