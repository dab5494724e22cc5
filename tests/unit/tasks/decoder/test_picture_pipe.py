"""Raw pictures arrive as they were, however slowly they are read and whatever becomes of their memory."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from statemachine.tasks.decoder.picture_pipe import PicturePipe

WIDTH, HEIGHT, FILLING, COUNT = 200, 120, 56, 60


class Plane(bytearray):
    """Samples whose memory is used anew as soon as nobody holds them, as a decoder does."""

    width, height, line_size = WIDTH, HEIGHT, WIDTH

    def __del__(self) -> None:
        self[:] = b"\xff" * len(self)


class FilledUp(Plane):
    line_size = WIDTH + FILLING


def picture(value: int, kind: type[Plane]) -> SimpleNamespace:
    return SimpleNamespace(planes=[kind(bytes([value]) * (kind.line_size * HEIGHT))])


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 17)
    yield reading, writing
    os.close(reading)


@pytest.mark.parametrize("kind", [Plane, FilledUp])
def test_pictures_arrive_unchanged(pipe: tuple[int, int], kind: type[Plane]) -> None:
    reading, writing = pipe
    received = bytearray()

    def read_slowly() -> None:
        while data := os.read(reading, 10_000):
            received.extend(data)
            time.sleep(0.0002)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    output = PicturePipe(writing, COUNT)
    for slot in range(COUNT):
        output.add(slot, picture(slot, kind))
    output.finish()
    reader.join()
    assert received == b"".join(bytes([slot]) * (WIDTH * HEIGHT) for slot in range(COUNT))


def test_picture_is_shown_again(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    output = PicturePipe(writing, 3)
    same = picture(7, Plane)
    for slot in range(3):
        output.add(slot, same)
    output.finish()
    assert os.read(reading, 4 * WIDTH * HEIGHT) == bytes([7]) * (3 * WIDTH * HEIGHT)


def test_reader_that_has_gone_ends_it() -> None:
    reading, writing = os.pipe()
    output = PicturePipe(writing, COUNT)
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        output.add(0, picture(1, Plane))
    output.finish()
