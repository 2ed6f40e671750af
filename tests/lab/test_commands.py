"""Every command of the lab, for a lab that does not run: it says so, or has nothing to do."""

import pytest

from lab.__main__ import main


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("LAB", "nobody")
    monkeypatch.delenv("CLUSTER", raising=False)


@pytest.mark.parametrize("words", [["run", "true"], ["run", "--", "true"], ["deploy"]])
def test_a_lab_that_does_not_run_is_named_with_the_command_that_starts_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert capsys.readouterr().err.endswith("the lab 'nobody' does not run: make local-setup LAB=nobody\n")


def test_cleaning_up_what_is_not_there_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cleanup"]) == 0
    assert "there is no lab 'nobody'" in capsys.readouterr().err


def test_a_program_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["binaries", "kube-apiserver", "kubeadm"]) == 2
    assert capsys.readouterr().err.startswith("no such program: kubeadm; there are etcd, kube-apiserver, ")


def test_a_cluster_of_ones_own_needs_a_name_of_an_image(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IMG", raising=False)
    assert main(["deploy", "--cluster=existing"]) == 1
    assert "needs IMG" in capsys.readouterr().err
