"""JSON as Jackson prints it for people: what the AdminServer of Apache answers, to the byte.

The standard library puts neither a blank in front of the colon nor a whole list on one line.
"""

from __future__ import annotations

import json
from typing import Any, Final

from zkserver.admin.figures import java_double

_INDENT: Final = "  "


def json_text(value: Any, depth: int = 0) -> str:
    """``value`` (dict, list, str, int, float, bool or None) as ``DefaultPrettyPrinter`` has it."""
    if isinstance(value, dict):
        if not value:
            return "{ }"
        inner = "\n" + _INDENT * (depth + 1)
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)} : {json_text(one, depth + 1)}"
            for key, one in value.items()
        )
        return "{" + inner + f",{inner}".join(pairs) + "\n" + _INDENT * depth + "}"
    if isinstance(value, list):
        # A list does not indent what is in it.
        return f"[ {', '.join(json_text(one, depth) for one in value)} ]" if value else "[ ]"
    if isinstance(value, float):
        return java_double(value)
    return json.dumps(value, ensure_ascii=False)
