"""Text forms of a table: HTML for notebooks, Markdown for a README, CSV for further work."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence

VERDICT_COLOURS = {  # dark enough for white paper, and told apart by the word as well; of a word without its bracket
    "same direction": "#00694a",
    "larger than printed": "#00694a",
    "smaller than printed": "#7a5c00",
    "opposite direction": "#a63a00",
    "equivalent": "#5c3d8f",
    "no difference seen": "#5c3d8f",
    "undecided": "#5c5c5c",
    "NOT LEARNT": "#8a1c5c",
    "not run": "#8a8a8a",
}
ANSWER_COLOUR = "#0b4f8a"  # of a question whose answer is one side
# A notebook's styles align cells to the right, whatever their row says; the rest is said once a row, or once a table.
_CELL = "text-align:left;vertical-align:top"


def verdict_colour(word: str) -> str:
    """Colour of a verdict, or of the answer to a question."""
    return VERDICT_COLOURS.get(word.split(" (")[0], ANSWER_COLOUR)


def html_table(
    title: str, header: Sequence[str], body: Iterable[Sequence[str]], *, simulated: bool = False, faint: int = 0
) -> str:
    """A self-contained HTML table that scrolls where it is wider than the page; cells are escaped, verdicts coloured, a
    simulated table marked in its caption.

    faint: so many lines at the top are grey, with a rule below them: baselines.
    """
    mark = ' <span style="color:#a63a00;letter-spacing:2px">SIMULATED</span>' if simulated else ""
    body = [
        html_row((_coloured(str(cell)) for cell in cells), faint=place < faint, last=place == faint - 1)
        for place, cells in enumerate(body)
    ]
    style = "text-align:left;font-weight:600;padding:8px 0;color:#222;caption-side:top"
    caption = f'<caption style="{style}">{html.escape(title)}{mark}</caption>'
    return f'<div style="overflow-x:auto">{html_rows(header, body, caption=caption)}</div>'


def html_rows(header: Sequence[str], rows: Iterable[str], *, caption: str = "", style: str = "font-size:90%") -> str:
    """A table of rows of :func:`html_row`, below a header that is escaped here."""
    head = html_row(map(html.escape, header), "th", last=True)
    return (
        f'<table cellpadding="5" style="border-collapse:collapse;background:#fff;color:#222;{style}">'
        f"{caption}<thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def html_row(cells: Iterable[str], tag: str = "td", *, faint: bool = False, last: bool = False) -> str:
    """A row of cells, which are HTML already. faint: on grey. last: of those above a heavier rule."""
    inner = "".join(f'<{tag} style="{_CELL}">{cell}</{tag}>' for cell in cells)
    ground, rule = "#f2f2f2" if faint else "#fff", "2px solid #888" if last else "1px solid #ddd"
    return f'<tr style="background:{ground};border-bottom:{rule}">{inner}</tr>'


def _coloured(cell: str) -> str:
    """A cell's text, escaped; a verdict coloured, also where it stands behind a name ("over strl: not run; …")."""
    parts = []
    for part in cell.split("; "):
        name, _, word = part.rpartition(": ")
        colour = VERDICT_COLOURS.get(word.split(" (")[0])
        text = html.escape(word if colour else part)
        before = html.escape(f"{name}: ") if name and colour else ""
        parts.append(before + (f'<span style="color:{colour};font-weight:600">{text}</span>' if colour else text))
    return "; ".join(parts)


def html_note(text: str) -> str:
    """A small line below a table."""
    return f'<p style="font-size:80%;color:#444">{html.escape(text)}</p>'


def html_list(title: str, items: Iterable[str]) -> str:
    """A titled list."""
    return f"<p><b>{html.escape(title)}</b></p><ul>{''.join(f'<li>{html.escape(item)}</li>' for item in items)}</ul>"


def html_details(summary: str, inner: str) -> str:
    """A block that is folded until a reader opens it."""
    return f'<details><summary style="cursor:pointer">{html.escape(summary)}</summary>{inner}</details>'


def markdown_details(summary: str, inner: str) -> str:
    """Markdown that is folded until a reader opens it, on GitHub as in the site."""
    return f"<details><summary>{html.escape(summary)}</summary>\n\n{inner.strip()}\n\n</details>"


def markdown_table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A pipe table; bars and line breaks inside cells are escaped."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"

    return line(header) + "|" + " --- |" * len(header) + "\n" + "".join(line(cells) for cells in body)


def csv_text(header: Sequence[str], body: Iterable[Sequence[object]]) -> str:
    """Comma-separated values with a header line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(body)
    return buffer.getvalue()
