"""Live progress on the deployed stack: sockets and server-sent events."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
import requests
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from infra.local import Stack, emulator
from tests.e2e.conftest import DEMO, Api
from tests.support.live_listeners import hear, hear_to_the_end, is_silent, listener, say
from tests.support.waiting import HANG_SECONDS, until

CROWD = 90  # an account may have 100 connections open
QUICK = {
    "renditions": ["360p"],
    "audio": False,
    "thumbnail": False,
    "storyboard": False,
    "hls": False,
    "transcription": {"enabled": False},
}
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def ws_url(stack: Stack) -> str:
    assert stack.ws_url is not None
    return stack.ws_url


def test_ninety_listeners_each_see_a_job_grow_and_end_once(stack: Stack, api: Api) -> None:
    async def watch() -> tuple[list[list[dict[str, Any]]], str]:
        async with AsyncExitStack() as crowd:
            coming = [listener(ws_url(stack), api.key, in_query=bool(number % 2)) for number in range(CROWD)]
            sockets = await asyncio.gather(*map(crowd.enter_async_context, coming))
            created = await asyncio.to_thread(
                api.create, filename="a.mp4", size_bytes=DEMO.stat().st_size, options=QUICK
            )
            job_id = created["job_id"]
            for socket in sockets:
                await say(socket, action="subscribe", job_ids=[job_id])
            first = await asyncio.gather(*map(hear, sockets))
            for number in range(0, CROWD, 10):  # some leave without a word, and nobody minds
                await sockets[number].close()
            staying = [socket for number, socket in enumerate(sockets) if number % 10]
            rest = asyncio.gather(*map(hear_to_the_end, staying))
            await asyncio.to_thread(put, created)
            told = await rest
            assert all(await asyncio.gather(*map(is_silent, staying)))
            kept = [frame for number, frame in enumerate(first) if number % 10]
            return [[one, *more] for one, more in zip(kept, told, strict=True)], job_id

    told, job_id = asyncio.run(watch())
    document = api.document(job_id)
    assert document["status"] == "completed"
    for frames in told:
        sequences = [frame["data"]["sequence"] for frame in frames]
        assert sequences == sorted(set(sequences))
        assert [frame["event"] for frame in frames] == ["progress"] * (len(frames) - 1) + ["complete"]
        assert {frame["data"]["job_id"] for frame in frames} == {job_id}
        assert frames[0]["data"]["status"] == "pending"
        assert len({frame["data"]["status"] for frame in frames}) > 3
        overall = [frame["data"]["overall_progress"] for frame in frames]
        assert overall == sorted(overall)
        last = frames[-1]["data"]
        assert (last["status"], last["overall_progress"], last["progress"]) == ("completed", 100, 100)
        assert last["updated_at"] == document["updated_at"]
    assert left_of(stack, "jobs_table", job_id) == {"job", "progress", "last_sent"}


def test_gone_connections_are_forgotten(stack: Stack, api: Api) -> None:
    job_id = api.create(filename="b.mp4")["job_id"]
    asyncio.run(come_and_go(stack, api, job_id))

    def items() -> tuple[set[str], list[Any]]:
        return left_of(stack, "jobs_table", job_id) - {"job", "last_sent"}, connections(stack)

    until(lambda: not any(items()), items)


async def come_and_go(stack: Stack, api: Api, job_id: str) -> None:
    async with listener(ws_url(stack), api.key) as socket:
        await say(socket, action="subscribe", job_ids=[job_id])
        assert (await hear(socket))["data"]["status"] == "pending"
        await say(socket, action="subscribe", all=True)
    # The same again: who comes back is told at once where the job is now.
    async with listener(ws_url(stack), api.key) as socket:
        await say(socket, action="subscribe", job_ids=[job_id])
        assert (await hear(socket))["data"]["status"] == "pending"


def test_a_socket_answers_whatever_it_is_told(stack: Stack, api: Api) -> None:
    async def talk() -> list[dict[str, Any]]:
        async with listener(ws_url(stack), api.key, in_query=True) as socket:
            await socket.send("{nonsense")
            await socket.send(json.dumps({"action": "shout"}))
            await say(socket, action="subscribe", job_ids=[UNKNOWN])
            await say(socket, action="ping")
            return [await hear(socket) for _ in range(4)]

    *errors, pong = asyncio.run(talk())
    assert [error["event"] for error in errors] == ["error"] * 3
    assert [error["data"]["error"] for error in errors] == ["bad_message", "bad_message", "unknown_job"]
    assert pong["event"] == "pong"


@pytest.mark.parametrize("key", ["", "nonsense", "mj_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb000000"])
def test_nobody_connects_without_a_key(stack: Stack, key: str) -> None:
    async def knock() -> ClientConnection:
        async with listener(ws_url(stack), key, in_query=True) as socket:
            return socket

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(knock())
    assert refused.value.response.status_code == 401


def test_all_is_every_job_of_the_account(stack: Stack, api: Api) -> None:
    async def watch() -> tuple[list[dict[str, Any]], str]:
        async with listener(ws_url(stack), api.key) as socket:
            await say(socket, action="subscribe", all=True)
            await say(socket, action="ping")
            assert (await hear(socket))["event"] == "pong"
            job_id = (await asyncio.to_thread(api.create, filename="c.mp4"))["job_id"]
            await asyncio.to_thread(api.ask, "POST", f"/jobs/{job_id}/cancel", json={})
            return await hear_to_the_end(socket), job_id

    frames, job_id = asyncio.run(watch())
    assert {frame["data"]["job_id"] for frame in frames} == {job_id}
    assert frames[-1]["data"]["status"] == "cancelled"


def test_server_sent_events_through_the_gateway(stack: Stack, api: Api) -> None:
    job_id = api.create(filename="d.mp4")["job_id"]
    url = f"{api.url}/events/{job_id}/progress?api_key={api.key}"
    first = requests.get(url, timeout=HANG_SECONDS)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "text/event-stream")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    retry, number, event, data = first.text.strip().splitlines()
    assert (retry, event) == ("retry: 2000", "event: progress")
    assert json.loads(data.removeprefix("data: "))["status"] == "pending"
    seen = {"Last-Event-ID": number.removeprefix("id: ")}
    assert requests.get(url, headers=seen, timeout=HANG_SECONDS).text == "retry: 2000\n\n"
    api.ask("POST", f"/jobs/{job_id}/cancel", json={})
    last = requests.get(url, headers=seen, timeout=HANG_SECONDS).text
    assert [line for line in last.splitlines() if line.startswith("event")] == ["event: progress", "event: complete"]
    seen = {"Last-Event-ID": last.partition("id: ")[2].splitlines()[0]}
    assert requests.get(url, headers=seen, timeout=HANG_SECONDS).status_code == 204


def put(created: dict[str, Any]) -> None:
    upload = created["upload"]
    with DEMO.open("rb") as body:
        assert requests.put(upload["url"], data=body, headers=upload["headers"], timeout=HANG_SECONDS).ok


def left_of(stack: Stack, table: str, job_id: str) -> set[str]:
    """The items of a job."""
    found = emulator.session(stack.endpoint_url).client("dynamodb").query(
        TableName=stack.outputs[table],
        KeyConditionExpression="job_id = :job",
        ExpressionAttributeValues={":job": {"S": job_id}},
    )  # fmt: skip
    return {item["item"]["S"] for item in found["Items"]}


def connections(stack: Stack) -> list[Any]:
    items = emulator.session(stack.endpoint_url).client("dynamodb").scan(TableName=stack.outputs["connections_table"])
    return list(items["Items"])
