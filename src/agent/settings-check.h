/* SPDX-License-Identifier: MIT */
#pragma once

/* Reads the settings for nothing but to say, in the log, what is wrong with them: also what a running agent finds out
 * only later. 0: nothing is; -EBADMSG: something is; or another error. */
int settings_check(const char *config);
