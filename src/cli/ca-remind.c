/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"

#define ROOT_FILE ATTEZT_SERVER_STATE_DIR "/public/root.pem"
#define NOTE_FILE ATTEZT_SERVER_STATE_DIR "/public/last-backup"

/* After what would be lost without one. */
void ca_remind_of_backup(const Cli *c) {
        static const char *const verbs[] = {
                "ca create", "ca enroll", "ca set", "ca replace", "ca remove", "ca import", "ca approve", "ca deny",
                "ca revoke", "ca rotate", "ca trust add", "ca trust remove", "ca trust import",
        };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(c->verb->words, verbs[i]) == 0 && !c->json && access(ROOT_FILE, F_OK) >= 0 &&
                    access(NOTE_FILE, F_OK) < 0 && errno == ENOENT)
                        fprintf(stderr, "\nThere is no backup of this CA yet: attezt ca backup FILE.\n");
}
