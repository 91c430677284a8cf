/* SPDX-License-Identifier: MIT */
#include "protocol/device-change.h"
#include "protocol/device-rows.h"

#include "test.h"

static Device sample(void) {
        return (Device) { .ek_hash = { 1, 2 }, .n_names = 2, .names = { "one", "Two" }, .pinned = true, .ak_lifetime = 60,
                          .expires = 9000, .note = "Anna’s" };
}

static size_t make(uint8_t *data, uint32_t n) {
        uint8_t row[DEVICE_ROW_SIZE_MAX];
        size_t size = DEVICE_ROWS_HEAD_SIZE;

        device_rows_head(n, data);
        for (uint32_t i = 0; i < n; i++) {
                Device d = sample();
                d.ek_hash[31] = (uint8_t) i;
                int k = device_row_encode(&d, row);
                check(k > 0);
                memcpy(data + size, row, (size_t) k);
                size += (size_t) k;
        }
        return size;
}

static void test_rows(void) {
        uint8_t data[1024];
        size_t size = make(data, 3);
        Device d, expected = sample();
        DeviceRows rows;

        check_int(device_rows_open(VIEW(data, size), &rows), 0);
        check_int(rows.n, 3);
        for (unsigned i = 0; i < 3; i++) {
                check_int(device_rows_next(&rows, &d), 1);
                expected.ek_hash[31] = (uint8_t) i;
                check(device_same_settings(&d, &expected));
                check_int(rows.next, i + 1);
        }
        check_int(device_rows_next(&rows, &d), 0);
}

static int walk(ByteView v) {
        DeviceRows rows;
        Device d;
        int r = device_rows_open(v, &rows);

        if (r < 0)
                return r;
        while ((r = device_rows_next(&rows, &d)) > 0)
                ;
        return r;
}

static void test_damage(void) {
        uint8_t data[1024];
        size_t size = make(data, 2);

        check_int(walk(VIEW(data, size)), 0);
        for (size_t i = 0; i < size; i++)
                check_int(walk(VIEW(data, i)), -EBADMSG); /* a part is missing */
        check_int(walk(VIEW(data, size + 1)), -EBADMSG);
        data[0] ^= 1;
        check_int(walk(VIEW(data, size)), -EBADMSG);
        data[0] ^= 1;
        data[DEVICE_ROWS_HEAD_SIZE + 32] = 0x08; /* an unknown flag */
        check_int(walk(VIEW(data, size)), -EBADMSG);
        data[DEVICE_ROWS_HEAD_SIZE + 32] = 0x01; /* any name beside names */
        check_int(walk(VIEW(data, size)), -EBADMSG);
        device_rows_head(DEVICE_ROWS_MAX + 1, data);
        check_int(walk(VIEW(data, size)), -E2BIG);
}

static void test_refused(void) {
        uint8_t row[DEVICE_ROW_SIZE_MAX];
        Device d = sample();

        strcpy(d.names[0], "no/slash");
        check_int(device_row_encode(&d, row), -EINVAL);
        d = sample();
        d.n_names = DEVICE_NAMES_MAX;
        for (unsigned i = 0; i < DEVICE_NAMES_MAX; i++) {
                memset(d.names[i], 'a' + (int) i, DEVICE_NAME_MAX);
                d.names[i][0] = 'x';
                d.names[i][DEVICE_NAME_MAX] = 0;
        }
        memset(d.note, 'n', DEVICE_NOTE_MAX);
        check(device_row_encode(&d, row) > 0); /* the largest there is */
}

int main(void) {
        test_rows();
        test_damage();
        test_refused();
        return EXIT_SUCCESS;
}
