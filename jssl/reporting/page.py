"""A run's page: a single self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape as _escape
from pathlib import Path
from typing import Any

from jssl.core.table import Table
from jssl.core.terminal import printable
from jssl.errors import UserError

FILE = "report.html"

_STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --panel: #f5f6f8; --ink: #1d2127;
  --soft: #5b626d; --rule: #dcdfe4; --accent: #0b5cad; --warn: #8a4b00; --warn-panel: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --panel: #1e2228; --ink: #e6e8eb;
  --soft: #a0a7b2; --rule: #343a43; --accent: #7db8f5; --warn: #ffc46b; --warn-panel: #33270f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.55;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.75rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0.75rem;
  margin: 0; }
dl div { background: var(--panel); border-radius: 0.5rem; padding: 0.5rem 0.75rem; }
dt { color: var(--soft); font-size: 0.8rem; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
dl div.wide { grid-column: 1 / -1; }
.wide dd { font-family: ui-monospace, monospace; font-size: 0.85rem; }
.alarms { background: var(--warn-panel); border-left: 0.3rem solid var(--warn);
  border-radius: 0.3rem; padding: 0.75rem 1rem; margin: 1.5rem 0 0; }
.alarms h2 { margin: 0 0 0.25rem; font-size: 1rem; color: var(--warn); }
.alarms ul { margin: 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.45rem 0.6rem; text-align: right; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
th:first-child { text-align: left; }
tbody th { font-weight: 400; position: sticky; left: 0; background: var(--page); }
thead th { color: var(--soft); font-size: 0.85rem; font-weight: 600; vertical-align: bottom;
  white-space: normal; }
tr.own th, tr.own td { font-weight: 700; }
.notes { color: var(--soft); font-size: 0.85rem; padding-left: 1.1rem; margin: 0.75rem 0 0; }
figure { margin: 0 0 2rem; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: var(--soft); font-size: 0.9rem; margin-top: 0.5rem; }
summary { cursor: pointer; color: var(--accent); }
pre { background: var(--panel); border-radius: 0.5rem; padding: 1rem; overflow-x: auto;
  font: 0.8rem/1.5 ui-monospace, monospace; }
footer { color: var(--soft); font-size: 0.85rem; margin-top: 3rem; }
@media (max-width: 40rem) { h1 { font-size: 1.35rem; } th, td { padding: 0.4rem; }
  table { font-size: 0.9rem; }
  .interval { display: block; }
  dl { grid-template-columns: repeat(2, 1fr); } }
@media print { .scroll { overflow: visible; } }
"""


# The page embeds this style and its images as data: no scripts, links, forms or external resources.
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


def escape(text: str) -> str:
    """Escapes text for HTML; control characters are replaced by visible escapes."""
    return _escape(printable(text))


@dataclass(frozen=True)
class Figure:
    """An image on the page.

    Attributes:
      image: PNG bytes, or the path of a PNG file.
      caption: the caption below the image.
      alt: alternative text for screen readers.
      dark: the variant for dark mode, or None if `image` is used in both modes.
    """

    image: bytes | Path
    caption: str
    alt: str
    dark: bytes | Path | None = None


def themed(draw: Callable[..., bytes], *args: Any, caption: str, alt: str, **kwargs: Any) -> Figure:
    """Draws a chart for light and for dark mode.

    Args:
      draw: a function of `figures` that takes `dark`.
      *args: its arguments.
      caption: the figure's caption.
      alt: the figure's description.
      **kwargs: its keyword arguments.

    Returns:
      The figure with both variants.
    """
    light, dark = (draw(*args, **kwargs, dark=dark) for dark in (False, True))
    return Figure(light, caption, alt, dark)


def write_report(
    run_folder: Path,
    *,
    title: str,
    summary: Mapping[str, Any],
    result_table: Table | None,
    figures: Mapping[str, Figure],
    tables: Mapping[str, Table] | None = None,
    alarms: Sequence[str] = (),
    config: str = "",
) -> Path:
    """Writes `report.html` into the run's folder.

    All images and styles are embedded; the file has no scripts and loads no external resources. All
    text is escaped.

    Args:
      run_folder: an existing folder.
      title: heading of the page, such as the experiment's name.
      summary: facts shown at the top, in order; a value longer than 40 characters gets its own
        line.
      result_table: the evaluation results, or None if there are none yet.
      figures: figures by heading, in order.
      tables: further tables by name, such as those of other protocols, shown after the results.
      alarms: warnings about failures and suspicious metrics, shown above the results.
      config: the resolved experiment as text, collapsed at the end of the page.

    Returns:
      The path of the page.

    Raises:
      UserError: a figure's file is missing or is not a PNG file.
    """
    parts = [f"<h1>{escape(title)}</h1>", _summary(summary)]
    if alarms:
        items = "".join(f"<li>{escape(alarm)}</li>" for alarm in alarms)
        parts.append(
            '<section class="alarms" aria-labelledby="alarms"><h2 id="alarms">Look at this first'
            f"</h2><ul>{items}</ul></section>"
        )
    if result_table is not None:
        parts.append(f"<section><h2>Results</h2>{_table(result_table)}</section>")
    parts += [
        f"<section><h2>Protocol {escape(name)}</h2>{_table(table, name)}</section>"
        for name, table in (tables or {}).items()
    ]
    parts += [
        f"<section><h2>{escape(name)}</h2>{_figure(name, figure)}</section>"
        for name, figure in figures.items()
    ]
    if config:
        parts.append(
            "<section><h2>Experiment</h2><details><summary>The resolved experiment</summary>"
            f'<pre tabindex="0">{escape(config)}</pre></details></section>'
        )
    body = "\n".join(parts)
    document = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_escape(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Without an icon, the browser would request one from the server.
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n"
        "<footer>Written by jssl.</footer>\n</main>\n</body>\n</html>\n"
    )
    path = Path(run_folder) / FILE
    partial = path.with_name(FILE + ".partial")
    partial.write_text(document, encoding="utf-8")
    partial.replace(path)
    return path


def _summary(summary: Mapping[str, Any]) -> str:
    facts = []
    for name, value in summary.items():
        kind = ' class="wide"' if len(str(value)) > 40 else ""
        facts.append(f"<div{kind}><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>")
    return f"<dl>{''.join(facts)}</dl>" if facts else ""


def _table(table: Table, label: str = "Results") -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    rows = []
    for name, *cells in table.rows:
        kind = ' class="own"' if name in table.emphasis else ""
        data = "".join(f"<td>{_cell(cell)}</td>" for cell in cells)
        rows.append(f'<tr{kind}><th scope="row">{escape(name)}</th>{data}</tr>')
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return (
        # Focusable, so that wide tables can be scrolled with the keyboard.
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def _cell(text: str) -> str:
    # On narrow screens the interval moves to its own line and is never broken.
    value, sign, interval = escape(text).partition(" ± ")
    return f'{value} <span class="interval">±&nbsp;{interval}</span>' if sign else value


def _figure(name: str, figure: Figure) -> str:
    image = f'<img src="{_data(name, figure.image)}" alt="{escape(figure.alt)}">'
    if figure.dark is not None:
        dark = _data(name, figure.dark)
        image = (
            f'<picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">{image}'
            "</picture>"
        )
    return f"<figure>{image}<figcaption>{escape(figure.caption)}</figcaption></figure>"


def _data(name: str, image: bytes | Path) -> str:
    if not isinstance(image, bytes):
        try:
            image = Path(image).read_bytes()
        except OSError as error:
            raise UserError(f"figure {name!r} cannot be read: {error}") from error
    if not image.startswith(b"\x89PNG\r\n\x1a\n"):
        raise UserError(f"figure {name!r} is not a PNG")
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")
