"""The index of parts of file names: every suffix of a name is an entry, so that a part of it is the prefix of an entry.

All names and search words have their case folded: see `mediajobs.jobs.index_keys.fold_case`.
"""

_MAX_SUFFIX_BYTES = 800  # in a sort key; DynamoDB allows 1,024 for the whole key
_SEPARATOR = "/"  # no file name contains it


def entries(account: str, job_id: str, name: str) -> set[tuple[str, str]]:
    """(hash key, sort key) of each entry; one for suffixes that are equal after truncation."""
    suffixes = (name[start:] for start in range(len(name)))
    return {(partition(account, suffix), f"{truncate(suffix)}{_SEPARATOR}{job_id}") for suffix in suffixes}


def partition(account: str, word: str) -> str:
    """The hash key of the entries that begin with `word`: the account and the first character."""
    return f"{account}#{word[0]}"


def truncate(word: str) -> str:
    """The beginning of a word, as much of it as an entry keeps."""
    return word.encode()[:_MAX_SUFFIX_BYTES].decode(errors="ignore")


def is_possible(word: str) -> bool:
    """Whether a file name can contain the word."""
    return _SEPARATOR not in word


def job_of(sort_key: str) -> str:
    return sort_key.rpartition(_SEPARATOR)[2]
