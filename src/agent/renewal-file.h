/* SPDX-License-Identifier: MIT */
#pragma once

/* renewal.json, and the clocks it is compared with. */
#include "protocol/renewal-state.h"

/* -ENOENT, -EBADMSG, or what reading gave. */
int renewal_file_read(const char *dir, RenewalState *ret);
int renewal_file_write(const char *dir, const RenewalState *s);

RenewalClocks renewal_clocks_now(void);
