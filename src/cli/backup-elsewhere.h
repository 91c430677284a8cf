/* SPDX-License-Identifier: MIT */
#pragma once

/* What a CA's host has that no backup holds, because it is not ours to read or to carry: the secrets and certificates
 * that its front uses, and drop-ins of its units. */

#include <stdio.h>

/* To an archive that is being written: the paths of what is here. ret: the same, malloc'd. */
int backup_elsewhere_add(int archive, char **ret);
/* Those, to whoever keeps the backup, when it is complete. */
void backup_elsewhere_tell(const char *here, FILE *to);
/* From one, when its settings are in place: tells what was there and is missing here. */
int backup_elsewhere_check(int archive, FILE *to);
