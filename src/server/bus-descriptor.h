/* SPDX-License-Identifier: MIT */
#pragma once

/* Contents that travel as descriptors: what would be a file, and has no name. */
#include "shared/bytes.h"

/* A sealed file in memory. Returns the descriptor. */
int bus_descriptor_new(const char *name, ByteView content);
/* Of such a file, or a regular one: nothing that a reader could be kept waiting with. -EINVAL, -EFBIG. */
int bus_descriptor_read(int fd, size_t max, Bytes *ret);
/* A socket, for one's own: the one in a message ends with it. Returns the descriptor; -EINVAL. */
int bus_descriptor_take_socket(int fd);
/* May it be read without waiting? -EINVAL. */
int bus_descriptor_check(int fd);
