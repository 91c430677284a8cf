/* SPDX-License-Identifier: MIT */
#pragma once

/* A passphrase: asked for on the terminal, or from a file or a descriptor; never from the command line or the
 * environment, which others see. */
#include "cli/cli.h"

#define PASSPHRASE_MIN 8U          /* characters, of a new one */
#define PASSPHRASE_FILE_MAX 4096U  /* bytes */

typedef struct Passphrase {
        const char *file; /* of --passphrase-file; NULL: not said */
        const char *fd;   /* of --passphrase-fd; NULL: not said */
        Bytes text;       /* with a NUL behind it */
} Passphrase;

void passphrase_done(Passphrase *p);
#define _cleanup_passphrase_ _cleanup_(passphrase_done)

/* Two rows for a verb's table of options. */
#define PASSPHRASE_OPTIONS(p)                                                                                         \
        { "passphrase-file", CLI_TEXT, &(p).file, "FILE", "Its first line is the passphrase" },                       \
        { "passphrase-fd", CLI_TEXT, &(p).fd, "N", "Read the passphrase from this descriptor" }

/* new: to be typed twice, and not too short. Returns the exit status after telling why. */
int passphrase_get(const Cli *c, Passphrase *p, const char *what, bool new);
