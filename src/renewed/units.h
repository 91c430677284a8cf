/* SPDX-License-Identifier: MIT */
#pragma once

/* ReloadUnits= of agent.conf, section [Agent]. */
#include "shared/bytes.h"

#define UNITS_MAX 32U

typedef struct Units {
        char *text;             /* the names are in it */
        char *names[UNITS_MAX];
        size_t n;
} Units;

void units_done(Units *u);

/* What is no name of a unit is left out, with a line in the log. -EPERM: others than root may write to the file, its
 * drop-ins or their directory, or one is a link. reterr_where: which, malloc'd, on failure only; NULL if not known. */
int units_read(const char *config, Units *ret, char **reterr_where);
