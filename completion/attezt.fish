# SPDX-License-Identifier: MIT
# fish completion for attezt. Verbs and options are what --help says, so that they cannot differ from the program's.

# Devices of the inventory, for whoever may read it without a password. One that is slow to answer is not waited for.
function __attezt_devices
    timeout 2 $argv[1] --no-ask-password ca list 2>/dev/null |
        awk 'NR > 1 { print $1; for (i = 4; i <= NF; i++) if ($i !~ /[][()]/ && $i != "-") print $i }'
end

# The value of an option, by its placeholder and text: "  --key TYPE   Kind of the device key: p-256 (default), …".
function __attezt_value # LINE-OF-THE-HELP
    switch $argv[1]
        case '* FILE *'
            __fish_complete_path (commandline -ct)
        case '* DIR *'
            __fish_complete_directories (commandline -ct)
        case '* TYPE *'
            string match -ar '\b[a-z]+-[0-9]+' -- $argv[1]
    end
end

function __attezt_complete
    set -l tokens (commandline -opc)
    set -l attezt $tokens[1]
    set -l current (commandline -ct)
    set -l verbs ($attezt --help 2>/dev/null | sed -nE '/^Verbs:/,/^$/s/^  (([a-z0-9-]+ )+).*/\1/p')

    # The words of the verb, so far, and how many operands come after it.
    set -l verb
    set -l n 0
    for token in $tokens[2..-1]
        if not string match -q -- '-*' $token
            if string match -q -- (string join ' ' $verb $token)' *' $verbs
                set -a verb $token
            else
                set n (math $n + 1)
            end
        end
    end

    set -l help ($attezt $verb --help 2>/dev/null)
    set -l line (string match -r -- '^  '$tokens[-1]' [A-Z].*' $help)
    if string match -q -- '--*' $tokens[-1]; and set -q line[1]
        __attezt_value $line[1]
    else if string match -q -- '-*' $current
        printf '%s\t%s\n' --help 'Show this'
        string replace -rf -- '^  (--[a-z0-9-]+)( [A-Z]+)? +(.*)$' '$1\t$3' $help
    else if string match -q 'Verbs:' $help
        string replace -rf -- '^'(string join ' ' $verb '')'([a-z0-9-]+) .*' '$1' $verbs | sort -u
    else if string match -qr -- ' (FILE…|CERT…|DIR-OR-CAB)' $help[1]
        __fish_complete_path $current
    else if test $n -eq 0
        string match -q -r -- '[ [|]DEVICE' $help[1]; and __attezt_devices $attezt
        string match -q -- '* [ak]*' $help[1]; and echo ak
    end
end

complete -c attezt -f -a '(__attezt_complete)'
