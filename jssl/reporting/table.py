"""A table of text, rendered as Markdown here and as HTML by the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells that are ready to be read.

    Attributes:
      header: column titles; the first column holds the names of the rows.
      rows: cells, each row as long as the header.
      notes: sentences that belong under the table.
      emphasis: names of the rows that the table is about.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    emphasis: frozenset[str] = frozenset()

    def markdown(self) -> str:
        """The table in GitHub's Markdown, columns aligned, the notes as a list below."""
        cells = [tuple(_escape(c) for c in row) for row in (self.header, *self.rows)]
        widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(self.header))]

        def line(row: tuple[str, ...]) -> str:
            first = row[0].ljust(widths[0])
            rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            return "| " + " | ".join([first, *rest]) + " |"

        rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
        lines = [line(cells[0]), "| " + " | ".join(rule) + " |", *map(line, cells[1:])]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
