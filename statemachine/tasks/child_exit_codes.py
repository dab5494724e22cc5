"""Exit codes of children that say more than that they failed."""

NAMED_FAILURE = 3  # of a decoder whose standard error ends with a JobError as JSON
READER_GONE = 4  # of a child that ends because nobody reads any more what it writes
