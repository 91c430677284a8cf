/* SPDX-License-Identifier: MIT */
#include "shared/bus-size.h"

#include <stdint.h>
#include <string.h>

static int add_value(sd_bus_message *m, char type, size_t *size) {
        const char *text = NULL;
        uint64_t value;

        if (!strchr("sog", type)) {
                *size += type == 'y' ? 1 : sizeof(value);
                return sd_bus_message_read_basic(m, type, &value);
        }
        int r = sd_bus_message_read_basic(m, type, &text);
        if (r >= 0)
                *size += sizeof(uint32_t) + strlen(text);
        return r;
}

/* 0 at the end of the container, or when it is enough. libsystemd limits the depth. */
static int add_all(sd_bus_message *m, size_t max, size_t *size) {
        const char *contents;
        char type;
        int r;

        while (*size <= max && (r = sd_bus_message_peek_type(m, &type, &contents)) != 0) {
                if (r < 0)
                        return r;
                if (!strchr("arev", type)) {
                        r = add_value(m, type, size);
                } else {
                        *size += sizeof(uint32_t);
                        r = sd_bus_message_enter_container(m, type, contents);
                        if (r >= 0)
                                r = add_all(m, max, size);
                        if (r >= 0 && *size <= max)
                                r = sd_bus_message_exit_container(m);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int bus_message_within(sd_bus_message *m, size_t max) {
        size_t size = 0;

        int r = add_all(m, max, &size);
        return r < 0 ? r : size <= max;
}
