"""`kuadrant completion`: teaches a shell to complete what is typed."""

from __future__ import annotations

from typing import Final, Literal

from kuadrant.cli.output import print_document

_END_OF_ZSH: Final = """
if [ "$funcstack[1]" = "_kuadrant" ]; then
  _cyclopts_kuadrant "$@"
else
  compdef _cyclopts_kuadrant kuadrant
fi
"""
"""The function is only defined so far: call it, or register it where somebody sources this."""


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what teaches a shell to complete commands, options and their values.

    For bash write it to ~/.local/share/bash-completion/completions/kuadrant, for fish to
    ~/.config/fish/completions/kuadrant.fish, for zsh to _kuadrant in a folder of $fpath. New shells know it.

    Args:
        shell: The shell that is to be taught.
    """
    from kuadrant.cli.command_line import app  # noqa: PLC0415 - the table of commands has this one, too

    program = app.generate_completion(prog_name="kuadrant", shell=shell)
    print_document(program + _END_OF_ZSH if shell == "zsh" else program, end="")
    return 0
