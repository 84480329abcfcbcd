"""Text from files steers no terminal, forges no line and runs nothing on the page."""

import base64
import hashlib
import html
import re
import sys
from pathlib import Path

import pytest

from jssl.cli import main
from jssl.core.table import Table
from jssl.core.terminal import one_line, printable, printable_output, raw
from jssl.logging.progress import Progress
from jssl.reporting.page import write_report


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ± text, 漢字 and é", "plain ± text, 漢字 and é"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("over\rwritten \x07 \x00 \x7f \x9b2J", "over\\rwritten \\x07 \\x00 \\x7f \\x9b2J"),
        ("turned \u202egnp.exe", "turned \\u202egnp.exe"),
        ("a file \udcff", "a file \\udcff"),
        ("a line\u2028more", "a line\\u2028more"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert one_line(f"{text}\n  jssl: done") == " ".join(shown.split("\n")) + " jssl: done"


def test_everything_a_command_prints_is_printable(capsys, tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr
    bad = tmp_path / "\x1b[2J\nname\udcff.py"
    for command in (["train", str(bad)], ["evaluate", str(bad)], ["table", str(bad)]):
        assert main(command) == 2
        captured = capsys.readouterr()
        assert "\\x1b[2J name\\udcff.py" in captured.err
        assert captured.err.count("\n") == 1
        assert not set(captured.out + captured.err) & set("\x1b\udcff")
    with printable_output(), printable_output():
        print("\x1b[1m")
        print("\x1b[1m", file=sys.stderr)
        assert raw(sys.stdout) is before[0]
        with Progress(10, views_per_step=1, interval=0.0) as progress:
            progress.message("alarm: \x1b[1m")
    assert (sys.stdout, sys.stderr) == before
    captured = capsys.readouterr()
    assert captured.out == "\\x1b[1m\n"
    assert captured.err == "\\x1b[1m\nalarm: \\x1b[1m\n"


def test_the_page_forbids_all_that_it_does_not_hold(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>\x1b[2J\"'"
    table = Table((bad, bad), ((bad, bad),), (bad,))
    page = write_report(
        tmp_path,
        title=bad,
        summary={bad: bad},
        result_table=table,
        figures={},
        tables={bad: table},
        alarms=[bad],
        config=bad,
    ).read_text()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)[1]
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy).split("; "))
    style = re.search(r"<style>(.*)</style>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert "<script" not in page and "\x1b" not in page and " style=" not in page
