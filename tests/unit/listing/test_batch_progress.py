from hypothesis import given
from hypothesis import strategies as st

from mediajobs.jobs.lifecycle import RUNNING, Status
from mediajobs.listing.batch_progress import estimate, overall_progress


def counts(**known: int) -> dict[Status, int]:
    return dict.fromkeys(Status, 0) | {Status(name): number for name, number in known.items()}


@given(st.fixed_dictionaries({status: st.integers(0, 4) for status in Status}), st.data())
def test_a_hundred_is_for_batches_of_completed_jobs_alone(numbers: dict[Status, int], data: st.DataObject) -> None:
    runs = sum(numbers[status] for status in RUNNING)
    running = data.draw(st.lists(st.integers(0, 99), min_size=runs, max_size=runs))
    percent = overall_progress(numbers, running)
    total = sum(numbers.values())
    assert 0 <= percent <= 100
    assert (percent == 100) == (total > 0 and numbers[Status.COMPLETED] == total)


def test_progress_is_the_mean_of_all_jobs() -> None:
    assert overall_progress(counts(completed=1, processing=2, failed=1), [50, 31]) == 45


def test_what_waits_is_shared_out_and_nothing_ends_before_the_longest() -> None:
    assert estimate(counts(queued=4), [], 10, 2) == (20, 10, 40)
    assert estimate(counts(processing=2), [(30, 20, 40), (4, 2, 6)], None, 2) == (30, 20, 63)
    assert estimate(counts(processing=1, pending=3), [(10, 5, 20)], 20, 2) == (35, 17, 90)


def test_what_is_unknown_takes_as_long_as_is_usual() -> None:
    assert estimate(counts(processing=1), [None], 10, 2) == (10, 0, 30)


def test_nothing_is_said_where_nothing_is_known_and_zero_where_nothing_is_left() -> None:
    assert estimate(counts(queued=1), [], None, 2) is None
    assert estimate(counts(processing=1), [None], None, 2) is None
    assert estimate(counts(completed=3, failed=1), [], None, 2) == (0, 0, 0)


@given(
    st.lists(st.tuples(*[st.integers(0, 99)] * 3).map(lambda three: tuple(sorted(three))), max_size=5),
    st.integers(0, 9),
    st.integers(1, 4),
)
def test_the_estimate_lies_in_its_range(ranges: list[tuple[int, int, int]], waiting: int, places: int) -> None:
    running = [(middle, low, high) for low, middle, high in ranges]
    found = estimate(counts(queued=waiting, processing=len(running)), running, 7, places)
    assert found is not None
    middle, low, high = found
    assert low <= middle <= high
