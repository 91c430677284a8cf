/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

#define ANSWER_MAX 64U

bool cli_confirm_can_ask(void) {
        return isatty(STDIN_FILENO);
}

bool cli_confirm(const char *format, ...) {
        char answer[ANSWER_MAX] = "";
        va_list ap;

        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fprintf(stderr, " [y/N] ");
        if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
                return true;
        fprintf(stderr, "Nothing is changed.\n");
        return false;
}
