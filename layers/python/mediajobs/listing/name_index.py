"""The index of parts of file names: every suffix of a name is an entry, so a word in it is the beginning of one.

All names are folded: see `mediajobs.listing.folded`.
"""

_SUFFIX_BYTES = 800  # of a sort key, which may have 1,024
_SEPARATOR = "/"  # no file name has one


def entries(account: str, job_id: str, name: str) -> set[tuple[str, str]]:
    """(hash key, sort key) of each entry; of suffixes that are equal as far as they are kept, one."""
    suffixes = (name[start:] for start in range(len(name)))
    return {(partition(account, suffix), f"{beginning(suffix)}{_SEPARATOR}{job_id}") for suffix in suffixes}


def partition(account: str, word: str) -> str:
    """The hash key: entries of an account that begin alike in their first character lie together."""
    return f"{account}#{word[0]}"


def beginning(word: str) -> str:
    """As much of it as entries have."""
    return word.encode()[:_SUFFIX_BYTES].decode(errors="ignore")


def is_possible(word: str) -> bool:
    """Whether a file name could have it."""
    return _SEPARATOR not in word


def job_of(sort_key: str) -> str:
    return sort_key.rpartition(_SEPARATOR)[2]
