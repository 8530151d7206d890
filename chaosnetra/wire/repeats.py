"""What comes many times in a row in a list: one number, or a block of a few."""

from collections.abc import Iterator, Sequence

FEWEST = 5
LONGEST_BLOCK = 4


def repeats(numbers: Sequence[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each block of up to `LONGEST_BLOCK` numbers that comes at least `FEWEST` times in a row.

    A block that is itself made of a smaller one is not told again. A block begins where its first
    repetition does.

    Returns:
        Each block, and how often it came; one block may be told several times.
    """
    for size in range(1, LONGEST_BLOCK + 1):
        same = 0
        for index in range(size, len(numbers) + 1):
            if index < len(numbers) and numbers[index] == numbers[index - size]:
                same += 1
                continue
            times = same // size + 1
            if times >= FEWEST:
                first = index - same - size
                block = tuple(numbers[first : first + size])
                if not _is_made_of_smaller(block):
                    yield block, times
            same = 0


def _is_made_of_smaller(block: tuple[int, ...]) -> bool:
    size = len(block)
    return any(
        size % part == 0 and block[:part] * (size // part) == block for part in range(1, size)
    )
