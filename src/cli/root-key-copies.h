/* SPDX-License-Identifier: MIT */
#pragma once

/* The root's key is to be offline; a restore, or who made another CA, may have left the directory of before beside it. */

#include "shared/names.h"

#define ROOT_KEY_FILE ATTEZT_SERVER_STATE_DIR "/ca/root.key"

/* Copies of this CA's root key beside it, as the command that removes them ("rm FILE…", quoted for a shell; malloc'd);
 * "" without any. -EACCES: that is for root to see. */
int root_key_copies(char **ret_command);
