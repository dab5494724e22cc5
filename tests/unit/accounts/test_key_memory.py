"""What a process remembers of keys is bounded, and is forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from mediajobs.accounts.key_memory import REFUSAL_SECONDS, ROW_SECONDS, KeyMemory, RecentEntries

operations = st.lists(st.tuples(st.sampled_from(["put", "get"]), st.integers(0, 6), st.integers(0, 1500)), max_size=40)


@given(operations)
def test_it_never_holds_more_than_its_size_nor_longer_than_its_time(steps: list[tuple[str, int, int]]) -> None:
    entries: RecentEntries[int] = RecentEntries(3, 1)
    now, puts = 0, dict[int, int]()
    for what, name, wait in steps:
        now += wait
        if what == "put":
            entries.put(name, now, now)
            puts[name] = now
        found = entries.get(name, now)
        if found is not None:
            assert found == puts[name] > now - 1000
        if what == "put":
            assert found == now
        assert len(entries) <= 3


def test_the_least_recently_used_makes_room() -> None:
    entries: RecentEntries[int] = RecentEntries(2, 60)
    for name in (1, 2):
        entries.put(name, name, 0)
    assert entries.get(1, 0) == 1
    entries.put(3, 3, 0)
    assert [entries.get(name, 0) for name in (1, 2, 3)] == [1, None, 3]


def test_it_keeps_of_a_row_only_what_refuses() -> None:
    memory = KeyMemory()
    memory.keep({"key_id": "a", "account": "acme", "secret_sha256": "x", "u2#GET /jobs": 7}, 0)
    memory.keep({}, 0)
    assert memory.row("a", 0) == {"key_id": "a", "secret_sha256": "x"}
    assert memory.row("a", ROW_SECONDS * 1000) is None


def test_a_refusal_is_of_one_credential_and_ends() -> None:
    memory = KeyMemory()
    memory.refuse(("a", "x"), 0)
    assert memory.is_refused(("a", "x"), REFUSAL_SECONDS * 1000 - 1)
    assert not memory.is_refused(("a", "y"), 0)
    assert not memory.is_refused(("a", None), 0)
    assert not memory.is_refused(("a", "x"), REFUSAL_SECONDS * 1000)
