/* SPDX-License-Identifier: MIT */
#pragma once

/* Texts in CSV that a spreadsheet opens: one that it would run as a formula, or turn into a number or a date, gets an
 * apostrophe in front. Taking it off again gives the text back, whatever the text was. */
#include "shared/bytes.h"

bool spreadsheet_needs_guard(const char *text);
/* Without the apostrophe, if it is one that was put there. */
const char *spreadsheet_unguard(const char *text);
/* A cell: guarded, and quoted where RFC 4180 wants it. Returns its size; -E2BIG. */
int spreadsheet_cell(const char *text, char *ret, size_t size);
