"""Renders the templates of `jssl/reporting/templates` into self-contained HTML files.

Every value that a template prints is escaped, and its control characters become visible. The style
sheet and the script stand in the page itself; its content security policy names their hashes and
forbids everything else, so that the page loads nothing and runs nothing that it was not made with.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from jssl.core.terminal import printable
from jssl.errors import Unwritable

STYLE, SCRIPT = "style.css", "map.js"


def render(template: str, *, interactive: bool = False, **values: Any) -> str:
    """Renders a template.

    Args:
      template: name of a file in the folder of templates.
      interactive: whether the page needs the script of the embedding map.
      **values: what the template prints.

    Returns:
      The text of the page.
    """
    style, script = _asset(STYLE), _asset(SCRIPT) if interactive else None
    return (
        environment()
        .get_template(template)
        .render(**values, style=style, script=script, policy=_policy(style, script))
    )


def write_page(path: Path, text: str) -> Path:
    """Writes a page atomically and returns its path.

    Raises:
      Unwritable: the file cannot be written.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise Unwritable(path, error) from error
    return path


@functools.cache
def environment() -> jinja2.Environment:
    """The templates, with every value escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("jssl.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: Any) -> Any:
    return value if isinstance(value, Markup) else printable(str(value))


@functools.cache
def _asset(name: str) -> Markup:
    """The text of a style sheet or a script of ours, which is not escaped."""
    templates = environment()
    return Markup(templates.loader.get_source(templates, name)[0])


def _policy(style: str, script: str | None) -> str:
    scripts = "" if script is None else f"script-src '{_hash(script)}'; "
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; {scripts}img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
