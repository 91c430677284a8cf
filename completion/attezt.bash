# SPDX-License-Identifier: MIT
# bash completion for attezt. Verbs and options are what --help says, so that they cannot differ from the program's.

_attezt_help() { # ATTEZT [WORD…]: the help text; it asks nobody and waits for nothing
        "$@" --help 2>/dev/null
}

# Devices of the inventory, for whoever may read it without a password. One that is slow to answer is not waited for.
_attezt_devices() { # ATTEZT
        timeout 2 "$1" --no-ask-password ca list 2>/dev/null |
                awk 'NR > 1 { print $1; for (i = 4; i <= NF; i++) if ($i !~ /[][()]/ && $i != "-") print $i }'
}

# The value of an option, by its placeholder and text: "  --key TYPE   Kind of the device key: p-256 (default), …".
_attezt_value() { # LINE-OF-THE-HELP
        case $1 in
        *' FILE '*) _filedir ;;
        *' DIR '*) _filedir -d ;;
        *' TYPE '*) COMPREPLY=($(compgen -W "$(grep -oE '\b[a-z]+-[0-9]+' <<<"$1")" -- "$cur")) ;;
        esac
}

_attezt_operand() { # ATTEZT FIRST-LINE-OF-THE-HELP HOW-MANY-BEFORE
        case $2 in
        *' DEVICE'* | *'[DEVICE]'* | *'|DEVICE'*) [ "$3" -gt 0 ] || COMPREPLY=($(compgen -W "$(_attezt_devices "$1")" -- "$cur")) ;;
        *' FILE…'* | *' CERT…'* | *' DIR-OR-CAB'*) _filedir ;;
        *' [ak]'*) [ "$3" -gt 0 ] || COMPREPLY=($(compgen -W ak -- "$cur")) ;;
        esac
}

_attezt() {
        local cur prev words cword
        _init_completion -n := || return

        # The words of the verb, so far, and how many operands come after it.
        local attezt=$1 verbs verb='' n=0 i
        verbs=$(_attezt_help "$attezt" | sed -nE '/^Verbs:/,/^$/s/^  (([a-z0-9-]+ )+).*/\1/p')
        for ((i = 1; i < cword; i++)); do
                case ${words[i]} in
                -*) ;;
                *) if [[ $'\n'$verbs == *$'\n'"$verb${words[i]} "* ]]; then verb+="${words[i]} "; else n=$((n + 1)); fi ;;
                esac
        done

        local help line=''
        help=$(_attezt_help "$attezt" $verb)
        [[ $prev != --* ]] || line=$(grep -E -- "^  $prev [A-Z]" <<<"$help" 2>/dev/null)
        if [[ $line ]]; then
                _attezt_value "$line"
        elif [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W "--help $(grep -oE '^  --[a-z0-9-]+' <<<"$help")" -- "$cur"))
        elif grep -q '^Verbs:' <<<"$help"; then
                COMPREPLY=($(compgen -W "$(sed -nE "s/^$verb([a-z0-9-]+) .*/\1/p" <<<"$verbs" | sort -u)" -- "$cur"))
        else
                _attezt_operand "$attezt" "${help%%$'\n'*}" "$n"
        fi
        __ltrim_colon_completions "$cur"
} &&
        complete -F _attezt attezt
