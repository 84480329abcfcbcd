"""A text table, rendered as Markdown, LaTeX or HTML; a run's page renders it separately."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """A table of formatted cells.

    Attributes:
      header: column titles; the first column holds the row names.
      rows: cells; each row has the length of the header.
      notes: notes shown below the table.
      emphasis: names of the rows to highlight.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    emphasis: frozenset[str] = frozenset()

    def markdown(self) -> str:
        """Renders GitHub Markdown with aligned columns and the notes as a list below."""
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

    def latex(self) -> str:
        """Renders LaTeX with booktabs; notes follow as lines, emphasised rows are bold."""
        columns = "l" + "r" * (len(self.header) - 1)
        lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(self.header)]
        lines.append(r"\midrule")
        for row in self.rows:
            cells = [_latex(cell) for cell in row]
            if row[0] in self.emphasis:
                cells = [rf"\textbf{{{cell}}}" if cell else "" for cell in cells]
            lines.append(" & ".join(cells) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
        lines += [rf"\par\footnotesize {_latex(note)}" for note in self.notes]
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """Renders an unstyled `<table>` and a list of notes; all text is escaped."""
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.header)
        body = "".join(
            f"<tr{' class=own' * (row[0] in self.emphasis)}>"
            f'<th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>\n"
            for row in self.rows
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
        return table + (f"<ul>{notes}</ul>\n" if notes else "")


_LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "α": r"$\alpha$",
        "†": r"$\dagger$",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)


def _latex(text: str) -> str:
    return text.translate(_LATEX)


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
