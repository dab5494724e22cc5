"""How far what was heard is from what was said."""

import re


def error_rate(said: str, heard: str) -> float:
    """Word error rate: substitutions, insertions and deletions for each word that was said; case and signs aside."""
    reference, hypothesis = _words(said), _words(heard)
    if not reference:
        raise ValueError("no word was said")
    row = list(range(len(hypothesis) + 1))
    for count, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], count
        for at, other in enumerate(hypothesis, 1):
            diagonal, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, diagonal + (word != other))
    return row[-1] / len(reference)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)*", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
