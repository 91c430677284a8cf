/* SPDX-License-Identifier: MIT */
#pragma once

/* Many new devices in one piece, from attezt to atteztd: a head with their number, then row by row, big-endian. What a
 * person wrote (CSV, JSON) is parsed by the program that the person runs; atteztd sees only this. */
#include "protocol/device-record.h"

#define DEVICE_ROWS_MAX 200000U                       /* devices in one import */
#define DEVICE_ROWS_BYTES_MAX (256U * 1024 * 1024)    /* of all rows */
#define DEVICE_ROW_SIZE_MAX 4096U                     /* bytes of one */
#define DEVICE_ROWS_HEAD_SIZE 12U

typedef struct DeviceRows {
        ByteReader reader;
        uint32_t n, next; /* rows in all; the next one, from 0 */
} DeviceRows;

/* Writes DEVICE_ROWS_HEAD_SIZE bytes. */
void device_rows_head(uint32_t n, uint8_t ret[static DEVICE_ROWS_HEAD_SIZE]);
/* Returns the size. -EINVAL: device_check() would refuse it. Of the device its hash, names and settings only. */
int device_row_encode(const Device *d, uint8_t ret[static DEVICE_ROW_SIZE_MAX]);

/* -EBADMSG another head; -E2BIG too many. data must outlive *ret. */
int device_rows_open(ByteView data, DeviceRows *ret);
/* 1: a row, 0: that was all of them, -EBADMSG. */
int device_rows_next(DeviceRows *rows, Device *ret);
