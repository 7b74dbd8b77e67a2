"""Tab completion: a script for the shell, which asks `triangle run -sc query=bash` what may follow."""

from __future__ import annotations

import sys

SCRIPT = """_triangle_complete() {
    local line="${COMP_LINE:0:$COMP_POINT}" words word
    word="${line##* }"
    if [[ "$line" =~ ^[^[:space:]]+[[:space:]]+run[[:space:]] && "$word" == -* ]]; then
        words="-m --from --cfg --info --config-dir --help"
    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+run[[:space:]] ]]; then
        line="triangle ${line#*[[:space:]]run[[:space:]]}"
        words=$(COMP_LINE="$line" COMP_POINT=${#line} triangle run -sc query=bash 2>/dev/null)
    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+completion[[:space:]] ]]; then
        words="bash zsh"
    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+regions[[:space:]] ]]; then
        words=""  # files, but for a word that begins as an option does
        if [[ "$word" == -* ]]; then
            words="--box --restart --json --exact --breakpoints --picture --line --plane --lines --planes --seed --help"
        fi
    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+paper[[:space:]] ]]; then
        words="beyond cifar10 dense depth digits imagenet_vgg16 nonconvex radial sparse tabular --outputs"
    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+ls[[:space:]] ]]; then
        words="--where --sort --format --out --outputs"
    elif [[ "$line" =~ ^[^[:space:]]+[[:space:]]+(show|compare)[[:space:]] ]]; then
        words="$(compgen -d -- "$word") --outputs"
    else
        words="run regions paper ls show compare completion --help --version"
    fi
    COMPREPLY=($(compgen -o default -W "$words" -- "$word"))
    # bash splits words at '=' and keeps what stands before it
    if [[ "$word" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
    fi
}
complete -o nospace -o default -F _triangle_complete triangle
"""

SHELLS = {"bash": SCRIPT, "zsh": "autoload -U +X bashcompinit && bashcompinit\n" + SCRIPT}


def values(line: str) -> list[str]:
    """`key=value` for each value of the enumeration or truth value that `key=`, at the end of a line, sets.

    Hydra would offer the present value, under Python's name for it.
    """
    from enum import Enum

    from triangle_cli.messages import setting_type

    key, sign, typed = line.rpartition(" ")[2].partition("=")
    kind = setting_type(key) if sign else None
    listed = typed[: typed.rfind(",") + 1]  # of a sweep
    if kind is bool:
        return [f"{key}={listed}{word}" for word in ("true", "false")]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [f"{key}={listed}{member.name}" for member in kind]
    return []


def main(words: list[str]) -> int:
    """Print the completion script for the shell that `words` names."""
    if words in (["--help"], ["-h"]):
        print(
            'triangle completion bash|zsh: print a tab-completion script; eval "$(triangle completion bash)" uses it'
        )
        return 0
    if len(words) != 1 or words[0] not in SHELLS:
        print(f"triangle completion: expected one of {', '.join(SHELLS)}, got {words}", file=sys.stderr)
        return 2
    print(SHELLS[words[0]], end="")
    return 0
