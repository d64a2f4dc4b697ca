"""Regular expressions of an expression's author, matched in linear time by RE2.

Python's own engine tries every way to match, and takes longer than anybody waits for ``(a+)+$`` on thirty letters.
What cannot be matched in linear time, references back to a group and looking around, RE2 refuses.
"""

from __future__ import annotations

import re
from typing import Any, Final

import re2

from gee_s1ben.engine.limits import check_characters
from gee_s1ben.errors import EngineError

_LONGEST: Final = 10_000
_GROUP: Final = re.compile(r"\$(\d)")


def pattern_of(where: str, regex: str, *, ignore_case: bool = False) -> Any:
    """Compile a pattern; the result has ``search``, ``fullmatch``, ``finditer`` and ``split``, as Python's has.

    Raises
    ------
    EngineError
        RE2 does not accept it; ``where`` says whose it is.
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        if len(regex) > _LONGEST:
            raise re2.error(f"it has {len(regex)} characters")  # noqa: TRY301 - one sentence for all
        return re2.compile(regex, options)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise EngineError(f"{where} '{regex[:60]}': {reason}.") from error


def replaced(pattern: Any, text: str, replacement: str, *, all_of_them: bool) -> str:
    """Replace the first match or all; ``$1`` in the replacement is the first group.

    Raises
    ------
    EngineError
        The replacement names a group that is not there, or the result is too large.
    """
    parts: list[str] = []
    place = size = 0
    for match in pattern.finditer(text):
        pieces = _GROUP.split(replacement)  # text, number of a group, text, …
        pieces[1::2] = [match.group(int(number)) or "" for number in pieces[1::2]]
        put = "".join(pieces)
        parts += [text[place : match.start()], put]
        place = match.end()
        size += len(put)
        check_characters(size)
        if not all_of_them:
            break
    parts.append(text[place:])
    check_characters(sum(map(len, parts)))
    return "".join(parts)
