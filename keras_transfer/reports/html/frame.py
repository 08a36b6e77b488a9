"""The frame of a page that needs nothing from outside."""

import base64
import hashlib
from html import escape
from pathlib import Path

_STYLE = Path(__file__).with_name("report.css")
_SCRIPT = Path(__file__).with_name("report.js")


def page(
    title: str, body: list[str], style: str = "", pictures: bool = False
) -> str:
    """Puts a page together; its policy lets no script run but its own.

    Args:
        title: String, escaped here.
        body: List of strings, HTML.
        style: String, CSS beside the pages' own. Defaults to `""`.
        pictures: Boolean, whether the page holds pictures of its own.
            Defaults to `False`.

    Returns:
        String, HTML.
    """
    style = _STYLE.read_text() + style
    script = _SCRIPT.read_text()
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'"
    )
    if pictures:
        policy += "; img-src data:"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" '
            f'content="{escape(policy)}">',
            '<meta name="viewport" '
            'content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *body,
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()
