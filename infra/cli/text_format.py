"""Formats text for the terminal."""


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """`1 file`, `2 files`; `plural` is for nouns that do not end with s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def printable(text: str) -> str:
    """Replaces control characters by spaces, so that a file name or a server cannot control the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)
