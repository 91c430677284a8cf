/* SPDX-License-Identifier: MIT */
#pragma once

/* One command: started, waited for, killed when it takes too long. */
#include "shared/bytes.h"

#define RUN_LIMIT_SEC 90U

/* argv[0] is a path, or a name to look up in PATH. Standard input is empty. Returns the exit status, or 128 and the
 * signal; -ETIMEDOUT: killed, with all of its process group; else why it could not be started. */
int run_command(char *const argv[], char *const envp[], unsigned limit_sec);
