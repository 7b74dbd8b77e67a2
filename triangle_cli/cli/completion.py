"""Tab completion: a script for the shell, which asks `triangle run -sc query=bash` what may follow."""

from __future__ import annotations

from triangle_cli.cli.options import Parser

TEMPLATE = """_triangle_complete() {
    local line="${COMP_LINE:0:$COMP_POINT}" words word before previous key list
    word="${line##* }"
    before="${line% *}"
    previous="${before##* }"
    if [[ "$line" =~ ^[^[:space:]]+[[:space:]]+run[[:space:]] && "$word" == -* ]]; then
        words="-m --multirun --from --cfg --info --config-dir --help"
    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+run[[:space:]] ]]; then
        line="triangle ${line#*[[:space:]]run[[:space:]]}"
        key="${word%%=*}="
        list="${word#*=}"
        if [[ "$word" != *=*,* || "$list" == *[\\[\\(\\{\\"\\']* ]]; then
            list=""
        else  # several values: what follows the last comma is completed, the others are put back
            line="${line% *} $key${list##*,}"
            list="${list%,*},"
        fi
        words=$(COMP_LINE="$line" COMP_POINT=${#line} triangle run -sc query=bash 2>/dev/null)
        words="${words//$key/$key$list}"
@COMMANDS@    fi
    COMPREPLY=($(compgen -o default -W "$words" -- "$word"))
    # bash splits words at '=' and keeps what stands before it
    if [[ "$word" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
    fi
}
complete -o nospace -o default -F _triangle_complete triangle
"""

PREFIX = {
    "bash": "",
    "zsh": """(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
autoload -U +X bashcompinit && bashcompinit
""",
}

# commands whose words are folders, or files
RUNS, FILES = (("show", "compare", "export", "predict"), ("regions",))


def script(shell: str) -> str:
    """The completion script of a shell, its words taken from the parsers of the commands."""
    from triangle_cli.cli.main import ANSWERS, COMMANDS

    branches = [_branch(name, command.completions()) for name, command in COMMANDS.items() if command.parser]
    names = " ".join([*COMMANDS, *(word for word in ANSWERS if word.startswith("--"))])
    return PREFIX[shell] + TEMPLATE.replace(
        "@COMMANDS@", "".join(branches) + f'    else\n        words="{names}"\n'
    )


def _branch(name: str, words: dict[str, list[str]]) -> str:
    """The part of the script that completes one command: after an option its words, else words or options."""
    options = " ".join(word for word in words[""] if word.startswith("-"))
    others = " ".join(word for word in words[""] if not word.startswith("-"))
    if name in RUNS:
        others = '$(compgen -d -- "$word")'
    if not others and name not in FILES:
        others = options
    after = [f'{option}) words="{" ".join(given)}" ;;' for option, given in words.items() if option]
    after += [f'*) words="{others}"; if [[ "$word" == -* ]]; then words="{options}"; fi ;;']
    lines = "".join(f"            {line}\n" for line in after)
    return (
        f'    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+{name}[[:space:]] ]]; then\n'
        f'        case "$previous" in\n{lines}        esac\n'
    )


def values(line: str) -> list[str]:
    """`key=value` for each word that the setting `key=`, at the end of a line, takes.

    Hydra would offer the present value, under Python's name for it.
    """
    from triangle_cli.settings.names import setting_values

    key, sign, _ = line.rpartition(" ")[2].partition("=")
    return [f"{key}={word}" for word in setting_values(key)] if sign else []


def parser() -> Parser:
    """The words of `triangle completion`."""
    words = Parser(
        prog="triangle completion",
        description='Print a tab-completion script; eval "$(triangle completion bash)" uses it.',
    )
    words.add_argument("shell", choices=list(PREFIX), help="the shell that reads it")
    return words


def main(words: list[str]) -> int:
    """Print the completion script for the shell that `words` names."""
    print(script(parser().parse_args(words).shell), end="")
    return 0
