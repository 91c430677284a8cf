/* SPDX-License-Identifier: MIT */
#pragma once

/* Devices as people keep them in files: CSV (RFC 4180, with a line of column names; comma, semicolon or tab) and JSON
 * lines, one object each, as "attezt ca list --json" shows it. Columns or members:
 *
 *   hash (JSON: ek-hash), certificate, public-key    which device: one is enough, several have to agree
 *   names       CSV: with a space between each two; JSON: an array
 *   note, any-name, pinned, disabled, ak-lifetime, expires
 *   created, last-seen, last-issued, issued, version    are exported, and passed over when they are imported
 *
 * A text that a spreadsheet would take for a formula, a number or a date gets an apostrophe in front in CSV, which is
 * taken off again here. */
#include "protocol/device-record.h"

#define DEVICE_TABLE_FILE_MAX (256U * 1024 * 1024) /* bytes of a file */
#define DEVICE_TABLE_ROW_MAX (16U * 1024)          /* bytes of a row */
#define DEVICE_TABLE_COLUMNS_MAX 32U
#define DEVICE_TABLE_LINE_SIZE (16U * 1024)        /* room for any row that is exported */
#define DEVICE_TABLE_WHY_MAX 160U

typedef enum DeviceTableFormat {
        DEVICE_TABLE_CSV,
        DEVICE_TABLE_JSON_LINES,
} DeviceTableFormat;

typedef struct DeviceTable {
        DeviceTableFormat format;
        const uint8_t *at, *end;
        unsigned line;      /* of the next row, from 1 */
        char separator;     /* CSV */
        unsigned n_columns; /* CSV */
        uint8_t columns[DEVICE_TABLE_COLUMNS_MAX];
} DeviceTable;

/* What the bytes look like. */
DeviceTableFormat device_table_guess(ByteView text);

/* Begins, and reads the line of column names; text must outlive *ret. -EBADMSG: why says what is wrong. */
int device_table_open(ByteView text, DeviceTableFormat format, DeviceTable *ret, char why[static DEVICE_TABLE_WHY_MAX]);
/* 1: a row, and the line where it begins; 0: the end; -EBADMSG: this row is no device, why says why, and the next call
 * goes on behind it. */
int device_table_next(DeviceTable *t, Device *ret, unsigned *ret_line, char why[static DEVICE_TABLE_WHY_MAX]);

/* CSV: the line of column names; JSON lines: "". */
const char *device_table_head(DeviceTableFormat format);
/* One row with its end of line, NUL-terminated; returns its size, or -ENOMEM. */
int device_table_format(const Device *d, DeviceTableFormat format, char ret[static DEVICE_TABLE_LINE_SIZE]);
