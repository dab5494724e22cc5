"""Checks of a state machine (Amazon States Language, JSONPath). Each finding is one line that ends with its cure."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

State = dict[str, Any]

_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
_BARE = re.compile(r"(:\s*)\$\{\w+\}")  # a number, put in by text before the JSON is parsed
_TERMINAL = ("Succeed", "Fail")
_PLACED = ("JobName", "JobQueue", "JobDefinition", "ShareIdentifier", "SchedulingPriorityOverride")


def check(text: str, substitutions: Iterable[str]) -> Iterator[str]:
    """Findings about a definition, given the names that the template substitutes in it."""
    used, given = set(_SUBSTITUTION.findall(text)), set(substitutions)
    for name in sorted(used - given):
        yield f"${{{name}}} stays as it is; add {name} to DefinitionSubstitutions"
    for name in sorted(given - used):
        yield f"the substitution {name} is not used; take it out of DefinitionSubstitutions"
    try:
        machine = json.loads(_BARE.sub(r"\g<1>60", text))
    except ValueError as error:
        yield f"not JSON ({error}); mend it"
        return
    if "TimeoutSeconds" not in machine:
        yield "an execution may hang for a year; set TimeoutSeconds at the top"
    yield from _scope(machine, caught=False)


def _scope(machine: State, *, caught: bool) -> Iterator[str]:
    """One `States` with its `StartAt`; names are looked up inside it and nowhere else."""
    states: dict[str, State] = machine.get("States", {})
    for name, state in states.items():
        yield from (f"{name}: {finding}" for finding in _state(state, states, caught=caught))
    for name in sorted(states.keys() - _reached(machine.get("StartAt"), states)):
        yield f"{name}: no state leads here; remove it or name it in a Next"
    if machine.get("StartAt") not in states:
        yield f"StartAt names {machine.get('StartAt')!r}, which is not there; name a state of its scope"
    for state in states.values():
        for inner in _inner(state):
            yield from _scope(inner, caught=caught or "Catch" in state)


def _state(state: State, states: dict[str, State], *, caught: bool) -> Iterator[str]:
    for following in _following(state):
        if following not in states:
            yield f"goes on to {following!r}, which is not there; name a state of its scope"
    if state["Type"] == "Choice":
        if "Default" not in state:
            yield "a Choice that nothing fits fails the execution; add Default"
    elif state["Type"] not in _TERMINAL and ("Next" in state) == ("End" in state):
        yield "add either Next or End"
    if state["Type"] == "Task":
        # What goes on to a Fail ends there with or without a Catch of its own; a Catch that only leads to one is none.
        fails_anyway = _is_fail(state.get("Next"), states)
        catches = any(not _is_fail(catch["Next"], states) for catch in state.get("Catch", []))
        yield from _task(state, caught=caught or fails_anyway or catches)


def _is_fail(name: str | None, states: dict[str, State]) -> bool:
    return name in states and states[name]["Type"] == "Fail"


def _task(task: State, *, caught: bool) -> Iterator[str]:
    for field, cure in (("Retry", "a passing fault fails the job"), ("TimeoutSeconds", "a lost task hangs for a year")):
        if field not in task:
            yield f"{cure}; add {field}"
    if not caught:
        yield "a failure would not land in the job; add Catch (or put it on the Parallel around)"
    for retry in task.get("Retry", []):
        if retry.get("MaxAttempts") != 0 and "JitterStrategy" not in retry:
            yield f"retries of {', '.join(retry['ErrorEquals'])} come in step; add JitterStrategy: FULL"
    if task["Resource"] == "${TaskResource}":
        yield from _batch_job(task.get("Parameters", {}))


def _batch_job(parameters: dict[str, Any]) -> Iterator[str]:
    given = {key.removesuffix(".$") for key in parameters}
    for field in _PLACED:
        if field not in given:
            yield f"a fair-share queue refuses or misplaces the job; add {field} to Parameters"


def _following(state: State) -> Iterator[str]:
    if "Next" in state:
        yield state["Next"]
    if "Default" in state:
        yield state["Default"]
    for branch in (*state.get("Choices", []), *state.get("Catch", [])):
        yield branch["Next"]


def _inner(state: State) -> list[State]:
    """The state machines inside a state: the branches of a Parallel, the processor of a Map."""
    inner: list[State] = list(state.get("Branches", []))
    return inner + [state[key] for key in ("ItemProcessor", "Iterator") if key in state]


def _reached(start: str | None, states: dict[str, State]) -> set[str]:
    reached: set[str] = set()
    ahead = [start] if start is not None else []
    while ahead:
        name = ahead.pop()
        if name in states and name not in reached:
            reached.add(name)
            ahead.extend(_following(states[name]))
    return reached
