"""How long the clients of AWS wait, by what they ask for. A hanging connection must not outlast who asks."""

from typing import NamedTuple


class Patience(NamedTuple):
    """Seconds for a connection and for an answer on it, and the tries in all."""

    connect: float
    read: float
    tries: int


# A request ends after 29 s, the other functions after 30 or more. What is answered in milliseconds is given up in time
# for a second try and the rest of the work; DynamoDB, which a request asks several times, sooner than the others.
DYNAMODB = Patience(connect=3, read=5, tries=4)
SHORT = Patience(connect=3, read=10, tries=4)
# S3 may take a minute to copy or to join what is large: a second try before that would find the first one at work.
BODIES = Patience(connect=10, read=60, tries=5)
