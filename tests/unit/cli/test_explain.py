"""`kuadrant explain`, by its output and exit codes; the page about it shows what it really prints."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant.cli import command_line as cli
from kuadrant.cli.output import painter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explain.md"
TOYS = "http://api.toystore.com/toys"

Run = "Callable[..., tuple[int, str, str]]"


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run the command in the checkout; return exit code, standard output and standard error."""
    monkeypatch.chdir(ROOT)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            cli.main(["explain", *map(str, arguments)])
        output = capsys.readouterr()
        code = exit_.value.code
        if isinstance(code, str):
            return 1, output.out, output.err + code
        return int(code or 0), output.out, output.err

    return run


def _blocks() -> Iterator[str]:
    """The indented blocks of the page, without their indent."""
    block: list[str] = []
    for line in [*PAGE.read_text().splitlines(), "end"]:
        if line.startswith("    ") or (block and not line):
            block.append(line.removeprefix("    "))
        elif block:
            yield "\n".join(block).strip("\n") + "\n"
            block = []


_COMMANDS = [block for block in _blocks() if block.startswith("$ ")]


@pytest.mark.parametrize("block", _COMMANDS)
def test_the_page_shows_what_is_printed(run: Callable[..., tuple[int, str, str]], block: str) -> None:
    command, _, shown = block.partition("\n")
    assert run(*shlex.split(command)[3:]) == (0, shown, "")


def test_the_record_is_one_json_object(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("examples/toystore", TOYS, "-X", "POST", "--times", "6", "-o", "json")
    record = json.loads(out)
    assert (code, err) == (0, "")
    assert (record["outcome"], record["limited_by"]) == ("limited", ["create-toy"])
    assert record["limits"][0]["origin"]["file"] == "examples/toystore/ratelimitpolicy.yaml"


def test_the_words_are_taken_in_any_order(run: Callable[..., tuple[int, str, str]]) -> None:
    words = ("-H", "x-a: 1", "-X", "POST", "examples/toystore", "-H", "Host: api.toystore.com")
    code, out, _ = run(*words, "http://127.0.0.1:8000/toys", "--from", "10.0.0.7", "--jwt", '{"sub": "a"}')
    assert (code, out.splitlines()[0]) == (0, "admitted: limit create-toy has room")


def test_a_body_makes_a_post_of_it(run: Callable[..., tuple[int, str, str]]) -> None:
    assert "limit create-toy has room" in run("examples/toystore", TOYS, "-d", "{}")[1]


def test_words_of_curl_that_change_nothing_are_taken_and_a_password_is_masked(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, err = run("examples/toystore", TOYS, "-sSik", "-L", "-u", "me:s3cr3t", "--json", "{}", "-v")
    assert (code, err, "authorization: (masked)" in out, "s3cr3t" in out) == (0, "", True, False)
    assert out.startswith("admitted: limit create-toy has room")


def test_a_later_request_meets_a_counter_that_is_whole_again(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    words = ("examples/toystore", TOYS, "-X", "POST", "--times", "6", "--at")
    assert run(*words, "9s")[1].startswith("429")
    assert run(*words, "10")[1].startswith("admitted")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ftp://a.x/",), "the scheme is ftp, a gateway takes http and https"),
        ((TOYS, "-H", "no header"), "a header has no colon; write 'name: value'"),
        ((TOYS, "--at", "tomorrow"), '--at: "tomorrow" is no time; write seconds, a duration such as 1m30s'),
        ((TOYS, "--at", "0001-01-01T00:00:00+14:00"), "is no time; write seconds"),
        ((TOYS, "--jwt", "[1]"), "--jwt: not a JSON object"),
        ((TOYS, "--jwt", "{"), "--jwt: not a JSON object"),
        ((TOYS, "--from", "localhost"), '"localhost" is no address; write one such as 10.0.0.7'),
        (("http://api.toystore.com:8200/toys",), "a kuadrant run that has another --port than 8000"),
        ((TOYS, "--port", "81"), "no gateway listens at port 81; there is 80 of istio-system/istio-ingress"),
        ((TOYS, "--times", "100000"), "times is 100000, it must be from 1 to 10000"),
        ((TOYS, "--times", "0"), "Must be >= 1"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    run: Callable[..., tuple[int, str, str]], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run("examples/toystore", *words)
    assert (code, said in out + err, "Traceback" in err) == (2, True, False), out + err


def test_mistakes_of_the_folder_are_told_with_their_places(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: kuadrant.io/v1\nkind: RateLimitPolicy\nmetadata: {name: a}\n"
    )
    code, out, err = run(tmp_path, TOYS)
    assert (code, out) == (2, "")
    assert err.startswith(
        f"{tmp_path}/a.yaml:1:1: mistake: invalid-field\n  RateLimitPolicy default/a: spec:\n"
    )


def test_a_folder_that_is_none_is_wrong_usage(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, _, err = run(tmp_path / "gone", TOYS)
    assert (code, "does not exist; give a folder" in err) == (2, True)
    (tmp_path / "empty").mkdir()
    code, _, err = run(tmp_path / "empty", TOYS)
    assert (code, "there is no Gateway" in err) == (2, True)


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_no_password_is_told_of_a_url_with_the_wrong_scheme(run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run("examples/toystore", "https://me:s3cr3t@api.toystore.com:80/toys")
    assert (code, "write http://" in err, "s3cr3t" in err) == (2, True, False)


def test_colours_are_for_terminals_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert painter(_Terminal())("bad", "429") == "\x1b[1;31m429\x1b[0m"  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert painter(_Terminal())("bad", "429") == "429"  # type: ignore[arg-type]


def test_a_cluster_takes_the_place_of_the_folder(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "c"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "c", "user": {}}]}
    (tmp_path / "config").write_text(json.dumps({**config, "current-context": "c"}))
    code, _, err = run("--cluster", "--kubeconfig", tmp_path / "config", TOYS)
    assert (code, err.startswith("kuadrant: GET /apis/gateway.networking.k8s.io/v1/gatewayclasses")) == (
        2,
        True,
    )
    code, _, err = run("--cluster", "examples/toystore", TOYS)
    assert (code, "there is no folder; write kuadrant explain --cluster URL" in err) == (2, True)
    code, _, err = run("examples/toystore")
    assert (code, "write kuadrant explain DIR URL" in err) == (2, True)
