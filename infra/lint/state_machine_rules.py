"""Rules for a state machine (Amazon States Language with JSONPath). Each finding is one line that ends with the fix."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

State = dict[str, Any]

_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
_NUMBER_SUBSTITUTION = re.compile(r"(:\s*)\$\{\w+\}")  # without quotes: it is replaced before the JSON is parsed
_TERMINAL_TYPES = ("Succeed", "Fail")
_BATCH_FIELDS = ("JobName", "JobQueue", "JobDefinition", "ShareIdentifier", "SchedulingPriorityOverride")


def check(text: str, substitutions: Iterable[str]) -> Iterator[str]:
    """Yields findings about a definition. `substitutions` are the names that the template substitutes in it."""
    used, defined = set(_SUBSTITUTION.findall(text)), set(substitutions)
    for name in sorted(used - defined):
        yield f"${{{name}}} stays as it is; add {name} to DefinitionSubstitutions"
    for name in sorted(defined - used):
        yield f"the substitution {name} is not used; take it out of DefinitionSubstitutions"
    try:
        machine = json.loads(_NUMBER_SUBSTITUTION.sub(r"\g<1>60", text))
    except ValueError as error:
        yield f"not JSON ({error}); correct it"
        return
    if "TimeoutSeconds" not in machine:
        yield "an execution may hang for a year; set TimeoutSeconds at the top"
    yield from _check_scope(machine, caught=False)


def _check_scope(machine: State, *, caught: bool) -> Iterator[str]:
    """Checks one `States` object with its `StartAt`. State names are resolved only inside it."""
    states: dict[str, State] = machine.get("States", {})
    for name, state in states.items():
        yield from (f"{name}: {finding}" for finding in _check_state(state, states, caught=caught))
    for name in sorted(states.keys() - _reachable(machine.get("StartAt"), states)):
        yield f"{name}: no state leads here; remove it or name it in a Next"
    if machine.get("StartAt") not in states:
        yield f"StartAt names {machine.get('StartAt')!r}, which is not there; name a state of its scope"
    for state in states.values():
        for nested in _nested_machines(state):
            yield from _check_scope(nested, caught=caught or "Catch" in state)


def _check_state(state: State, states: dict[str, State], *, caught: bool) -> Iterator[str]:
    for name in _next_names(state):
        if name not in states:
            yield f"goes on to {name!r}, which is not there; name a state of its scope"
    if state["Type"] == "Choice":
        if "Default" not in state:
            yield "a Choice that nothing fits fails the execution; add Default"
    elif state["Type"] not in _TERMINAL_TYPES and ("Next" in state) == ("End" in state):
        yield "add either Next or End"
    if state["Type"] == "Task":
        # A task before a Fail state needs no Catch of its own. A Catch that leads only to a Fail state does not count.
        fails_anyway = _is_fail(state.get("Next"), states)
        catches = any(not _is_fail(catch["Next"], states) for catch in state.get("Catch", []))
        yield from _check_task(state, caught=caught or fails_anyway or catches)


def _is_fail(name: str | None, states: dict[str, State]) -> bool:
    return name in states and states[name]["Type"] == "Fail"


def _check_task(task: State, *, caught: bool) -> Iterator[str]:
    for field, risk in (("Retry", "a passing fault fails the job"), ("TimeoutSeconds", "a lost task hangs for a year")):
        if field not in task:
            yield f"{risk}; add {field}"
    if not caught:
        yield "a failure would not land in the job; add Catch (or put it on the Parallel state around the task)"
    for retry in task.get("Retry", []):
        if retry.get("MaxAttempts") != 0 and "JitterStrategy" not in retry:
            yield f"retries of {', '.join(retry['ErrorEquals'])} have no jitter; add JitterStrategy: FULL"
    if task["Resource"] == "${TaskResource}":
        yield from _check_batch_job(task.get("Parameters", {}))


def _check_batch_job(parameters: dict[str, Any]) -> Iterator[str]:
    names = {key.removesuffix(".$") for key in parameters}
    for field in _BATCH_FIELDS:
        if field not in names:
            yield f"a fair-share queue refuses or misplaces the job; add {field} to Parameters"


def _next_names(state: State) -> Iterator[str]:
    if "Next" in state:
        yield state["Next"]
    if "Default" in state:
        yield state["Default"]
    for branch in (*state.get("Choices", []), *state.get("Catch", [])):
        yield branch["Next"]


def _nested_machines(state: State) -> list[State]:
    """The state machines inside a state: the branches of a Parallel state, the processor of a Map state."""
    branches: list[State] = list(state.get("Branches", []))
    return branches + [state[key] for key in ("ItemProcessor", "Iterator") if key in state]


def _reachable(start: str | None, states: dict[str, State]) -> set[str]:
    reachable: set[str] = set()
    unvisited = [start] if start is not None else []
    while unvisited:
        name = unvisited.pop()
        if name in states and name not in reachable:
            reachable.add(name)
            unvisited.extend(_next_names(states[name]))
    return reachable
