"""Tab completion: a script for the shell, which asks `triangle run -sc query=bash` what may follow."""

from __future__ import annotations

import sys

SCRIPT = """_triangle_complete() {
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
        case "$previous" in
            --format) words="text csv parquet" ;;
            --sort) words="mse_min mse_mean seconds depth when" ;;
            *) words="--where --sort --format --out --outputs" ;;
        esac
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

ZSH = """(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
autoload -U +X bashcompinit && bashcompinit
"""

SHELLS = {"bash": SCRIPT, "zsh": ZSH + SCRIPT}


def values(line: str) -> list[str]:
    """`key=value` for each word that the setting `key=`, at the end of a line, takes.

    Hydra would offer the present value, under Python's name for it.
    """
    from triangle_cli.settings.names import setting_values

    key, sign, _ = line.rpartition(" ")[2].partition("=")
    return [f"{key}={word}" for word in setting_values(key)] if sign else []


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
