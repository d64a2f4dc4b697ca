"""Counts with their nouns: 1 patch, 2 patches."""

from __future__ import annotations


def plural(count: int, noun: str, *, grouped: bool = False) -> str:
    """Return a count and its noun, in the singular where it is one.

    Parameters
    ----------
    count : int
        How many.
    noun : str
        In the singular; words before it may be there too: ``STAC item``.
    grouped : bool
        Write 12,345 for 12345.

    Examples
    --------
    >>> plural(1, "pass"), plural(2, "pass"), plural(0, "query"), plural(3000, "patch", grouped=True)
    ('1 pass', '2 passes', '0 queries', '3,000 patches')
    """
    number = f"{count:,}" if grouped else str(count)
    if count == 1:
        return f"{number} {noun}"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{number} {noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}s"
