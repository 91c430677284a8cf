/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "protocol/utc-time.h"

#define SECONDS_PER_DAY 86400
#define TIME_MAX 253402300799 /* 9999-12-31T23:59:59Z */

static bool is_leap(unsigned year) {
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_of_month(unsigned year, unsigned month) {
        static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

        return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to 1 January. */
static int64_t days_to_year(unsigned year) {
        unsigned y = year - 1;

        return 365LL * (year - 1970) + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) + (y / 400 - 1969 / 400);
}

int rfc3339_format(int64_t t, char ret[static RFC3339_SIZE]) {
        if (t < 0 || t > TIME_MAX)
                return -ERANGE;

        int64_t days = t / SECONDS_PER_DAY;
        unsigned second = (unsigned) (t % SECONDS_PER_DAY), month = 1;
        unsigned year = 1970 + (unsigned) (days / 366); /* never too late */
        while (days_to_year(year + 1) <= days)
                year++;
        days -= days_to_year(year);
        for (; days >= days_of_month(year, month); month++)
                days -= days_of_month(year, month);

        char text[64]; /* wide enough for numbers that the compiler cannot rule out */
        (void) snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month,
                        (unsigned) days + 1, second / 3600, second / 60 % 60, second % 60);
        memcpy(ret, text, RFC3339_SIZE);
        return 0;
}

/* n decimal digits at p, or UINT32_MAX */
static unsigned digits(const char *p, size_t n) {
        unsigned x = 0;

        for (size_t i = 0; i < n; i++) {
                if (p[i] < '0' || p[i] > '9')
                        return UINT32_MAX;
                x = 10 * x + (unsigned) (p[i] - '0');
        }
        return x;
}

/* Position of a word of three letters in a list of such, counted from 1; 0: none. */
static unsigned find_word(const char *list, const char *word) {
        for (size_t i = 0; list[i]; i += 3)
                if (memcmp(list + i, word, 3) == 0)
                        return (unsigned) i / 3 + 1;
        return 0;
}

typedef struct Date {
        unsigned year, month, day, hour, minute, second;
} Date;

static int date_to_time(const Date *d, int64_t *ret) {
        if (d->month < 1 || d->month > 12 || d->year < 1970 || d->year > 9999 || d->day < 1 ||
            d->day > days_of_month(d->year, d->month) || d->hour > 23 || d->minute > 59 || d->second > 60)
                return -EBADMSG;

        int64_t days = days_to_year(d->year) + d->day - 1;
        for (unsigned m = 1; m < d->month; m++)
                days += days_of_month(d->year, m);
        *ret = days * SECONDS_PER_DAY + d->hour * 3600 + d->minute * 60 + d->second;
        return 0;
}

/* What is no '_' in shape is in text, too. */
static bool has_shape(const char *text, const char *shape) {
        if (strlen(text) != strlen(shape))
                return false;
        for (size_t i = 0; shape[i]; i++)
                if (shape[i] != '_' && shape[i] != text[i])
                        return false;
        return true;
}

int rfc3339_parse(const char *text, int64_t *ret) {
        bool day = has_shape(text, "____-__-__");

        if (!day && !has_shape(text, "____-__-__T__:__:__Z"))
                return -EBADMSG;
        Date d = { .year = digits(text, 4), .month = digits(text + 5, 2), .day = digits(text + 8, 2) };
        if (!day) {
                d.hour = digits(text + 11, 2);
                d.minute = digits(text + 14, 2);
                d.second = digits(text + 17, 2);
        }
        return date_to_time(&d, ret);
}

int http_date_parse(const char *text, int64_t *ret) {
        if (!has_shape(text, "___, __ ___ ____ __:__:__ GMT") ||
            find_word("MonTueWedThuFriSatSun", text) == 0)
                return -EBADMSG;
        const Date d = {
                .month = find_word("JanFebMarAprMayJunJulAugSepOctNovDec", text + 8),
                .day = digits(text + 5, 2),
                .year = digits(text + 12, 4),
                .hour = digits(text + 17, 2),
                .minute = digits(text + 20, 2),
                .second = digits(text + 23, 2),
        };
        return date_to_time(&d, ret);
}
