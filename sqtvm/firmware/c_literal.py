"""Values as C writes them."""

from __future__ import annotations


def string_literal(text: str) -> str:
    """A string literal of the text's UTF-8; bytes that are not plain ASCII as three octal digits.

    Question marks as well, because two of them may begin a trigraph.
    """
    plain = (
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{"".join(plain)}"'


def float_literal(number: float) -> str:
    """A literal of type float; nine digits tell every single-precision number from its
    neighbours."""
    text = f"{number:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def comment_text(text: str) -> str:
    """The text with nothing in it that ends a comment or its line."""
    return " ".join(text.replace("*/", "* /").split())
