/* SPDX-License-Identifier: MIT */
#pragma once

/* What of a CA's host is no business of atteztd's: its settings and the roots of TPM vendors that somebody added. */
#include <stdbool.h>

/* To an archive that is being written. What is not there is left out. */
int backup_settings_add(int archive);
/* From one. What is there stays, unless force says otherwise. */
int backup_settings_restore(int archive, bool force);
