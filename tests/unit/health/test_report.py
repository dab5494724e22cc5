"""What the states of the parts say of the whole, and which worker counts as alive."""

import pytest

from mediajobs.health.report import Disk, Heartbeat, State, fullest, overall

HALF = Disk(total=1000, used=500, free=500)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "healthy"),
        (["healthy", "healthy"], "healthy"),
        (["healthy", "warning"], "warning"),
        (["healthy", "unhealthy"], "degraded"),
        (["degraded", "healthy"], "degraded"),
        (["warning", "unhealthy", "healthy"], "degraded"),
    ],
)
def test_the_worst_part_decides(found: list[str], expected: str) -> None:
    assert overall(map(State, found)) == expected


@pytest.mark.parametrize(("free", "state"), [(99, "warning"), (100, "healthy"), (0, "warning"), (1000, "healthy")])
def test_a_disk_with_less_than_a_tenth_free_is_a_warning(free: int, state: str) -> None:
    assert Disk(total=1000, used=1000 - free, free=free).check_result().state == state


def test_the_fullest_disk_is_the_one_with_the_least_left_in_percent() -> None:
    large, small = Disk(total=10_000, used=9_000, free=1_000), Disk(total=100, used=50, free=50)
    assert fullest(Heartbeat(0, 10, disk) for disk in (small, large, HALF)) == large
    assert fullest([]) is None


@pytest.mark.parametrize(("age", "alive", "forgotten"), [
    (0, True, False), (30, True, False), (31, False, False), (301, False, True),
    (-30, True, False), (-31, False, False), (-301, False, False),  # its clock is ahead of ours
])  # fmt: skip
def test_a_worker_counts_for_three_signs_and_is_forgotten_after_thirty(
    age: float, *, alive: bool, forgotten: bool
) -> None:
    sign = Heartbeat(seen=5_000.0 - age, every=10.0, disk=HALF)
    assert (sign.alive(5_000.0), sign.is_expired(5_000.0)) == (alive, forgotten)


def test_a_sign_says_by_itself_how_often_it_comes() -> None:
    assert not Heartbeat(seen=96.0, every=1.0, disk=HALF).alive(100.0)
    assert Heartbeat(seen=96.0, every=2.0, disk=HALF).alive(100.0)


def test_a_sign_survives_its_way_through_the_table() -> None:
    sign = Heartbeat(seen=1.5, every=10.0, disk=HALF)
    assert Heartbeat.load(sign.dump()) == sign
