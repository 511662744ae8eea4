"""Pages on files whose keys a pydantic model checks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from markdown.extensions.toc import slugify
from pydantic import BaseModel

Schema = Mapping[str, Any]

_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "a multiple of {}",
}


def schema_page(
    model: type[BaseModel], whole: str, mode: Literal["validation", "serialization"]
) -> str:
    """A section for the file and one for each table in it, with every key.

    whole: what the file is called; mode: "validation" for a file that people write, where keys may
    be left out, "serialization" for one that is written, where none is. Meanings of keys are read
    off the models' docstrings, where they stand as ``key, other_key: meaning;``.
    """
    schema = model.model_json_schema(mode=mode)
    tables = schema["$defs"]
    paths = dict(_tables(schema, tables))
    sections = [(whole, schema), *((path, tables[name]) for name, path in paths.items())]
    written = mode == "serialization"
    made = (_section(title, table, paths, written, tables) for title, table in sections)
    return "\n".join(made)


def type_in_words(
    schema: Schema, paths: Mapping[str, str] | None = None, nulls: bool = False
) -> str:
    """As in "integer, at least 0, or null".

    paths: of each table by its name among the definitions, whose section is linked to; nulls: say
    where a value may be null, which pydantic also has where a key of a file may be left out.
    """
    if "anyOf" in schema:
        kinds = [type_in_words(each, paths, nulls) for each in schema["anyOf"]]
        return ", or ".join(kind for kind in kinds if nulls or kind != "null")
    if "$ref" in schema:
        path = (paths or {})[schema["$ref"].rpartition("/")[2]]
        return f"[table](#{slugify(path, '-')})"
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{json.dumps(value)}`" for value in values)
    if schema.get("type") == "array":
        return _array(schema, paths, nulls)
    if schema.get("type") == "object":
        value = type_in_words(schema["additionalProperties"], paths, nulls)
        keys = schema.get("propertyNames", {}).get("enum")
        named = ", ".join(f"`{key}`" for key in keys) if keys else "names"
        return f"table from {named} to: {value}"
    words = "date and time" if schema.get("format") == "date-time" else str(schema["type"])
    limits = [text.format(schema[key]) for key, text in _LIMITS.items() if key in schema]
    if "pattern" in schema and "\\r" not in schema["pattern"]:
        limits.append(f"as `{schema['pattern']}`".replace("|", "\\|"))
    return ", ".join([words, *limits])


def _array(schema: Schema, paths: Mapping[str, str] | None, nulls: bool) -> str:
    least = schema.get("minItems")
    item = type_in_words(schema["items"], paths, nulls)
    return f"list{f' of {least} or more' if least else ''}: {item}"


def _tables(schema: Schema, tables: Mapping[str, Schema]) -> Iterator[tuple[str, str]]:
    """Every table once, by its name among the definitions and the path of its keys, outer first."""
    seen: set[str] = set()
    waiting = [(schema, "")]
    while waiting:
        outer, path = waiting.pop(0)
        for key, inner in outer["properties"].items():
            for name, mark in _named(inner):
                if name not in seen:
                    seen.add(name)
                    yield name, f"{path}{key}{mark}"
                    waiting.append((tables[name], f"{path}{key}{mark}."))


def _named(schema: Schema) -> Iterator[tuple[str, str]]:
    """Tables that a key's value is or holds; the mark is [] where it is a list of them."""
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2], ""
    for inner in schema.get("anyOf", ()):
        yield from _named(inner)
    if "items" in schema:
        yield from ((name, f"{mark}[]") for name, mark in _named(schema["items"]))


def _section(
    title: str,
    schema: Schema,
    paths: Mapping[str, str],
    written: bool,
    tables: Mapping[str, Schema],
) -> str:
    properties = schema["properties"]
    prose, meanings = _described(schema.get("description", ""), properties)
    required = schema.get("required", ())
    columns = ["key", "value", "meaning"] if written else ["key", "value", "default", "meaning"]
    lines = [_row(columns), "|---" * len(columns) + "|"]
    for key, inner in properties.items():
        value = type_in_words(inner, paths, nulls=written)
        default = "required" if key in required else _default(inner["default"])
        meaning = meanings.get(key) or "; ".join(
            _first_sentence(tables[name]) for name, _ in _named(inner)
        )
        cells = [f"`{key}`", value, *(() if written else (default,)), meaning]
        lines.append(_row(cells))
    return f"## {title}\n\n{prose}\n\n" + "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _first_sentence(table: Schema) -> str:
    prose, _ = _described(table.get("description", ""), table["properties"])
    return " ".join(re.split(r"(?<=\.)\s", prose)[0].split()).rstrip(".")


def _default(value: object) -> str:
    return "" if value in (None, [], {}) else f"`{json.dumps(value)}`"


def _described(docstring: str, keys: Mapping[str, object]) -> tuple[str, dict[str, str]]:
    """The docstring's text before the first key that it tells of, and what it says of each."""
    # A file has null where Python has None.
    text = docstring.replace("``", "`").replace("None", "null")
    names = "|".join(sorted((re.escape(key) for key in keys), key=len, reverse=True))
    heads = list(
        re.finditer(rf"(?:^|(?<=[;.]\s)|(?<=\n\n))((?:{names})(?:, (?:{names}))*):\s", text)
    )
    if not heads:
        return text.strip(), {}
    ends = [head.start() for head in heads[1:]] + [len(text)]
    meanings: dict[str, str] = {}
    for head, end in zip(heads, ends, strict=True):
        meaning = " ".join(text[head.end() : end].split()).rstrip(";.").replace("|", "\\|")
        meanings |= dict.fromkeys(head[1].split(", "), meaning)
    prose = text[: heads[0].start()].strip().rstrip(";.")
    return f"{prose}.", meanings
