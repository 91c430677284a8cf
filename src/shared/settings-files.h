/* SPDX-License-Identifier: MIT */
#pragma once

/* Reads a settings file and its drop-ins: FILE, then what ends in .conf in FILE.d, in the order of the names.
 * Later ones win because they come later. None of them has to exist. */
#include "protocol/settings.h"

#define SETTINGS_DROPINS_MAX 128U

typedef int (*SettingsFilesFunc)(const char *file, unsigned line, const char *section, const char *key,
                                 const char *value, void *userdata);

/* Whether a file in FILE.d is read. */
bool settings_is_dropin(const char *name);

/* Errors as settings_parse(), and those of reading. reterr_where (or NULL): "FILE:LINE" or "FILE", malloc'd, on
 * failure only; NULL if memory ran out. */
int settings_files_read(const char *path, SettingsFilesFunc func, void *userdata, char **reterr_where);
/* What is wrong there, for a person. */
const char *settings_strerror(int error);
