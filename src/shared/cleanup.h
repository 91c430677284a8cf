/* SPDX-License-Identifier: MIT */
#pragma once

/* Scope clean-up: a variable says at its declaration how it ends; TAKE_PTR() hands it over. */
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define TAKE_GENERIC(var, nullvalue)            \
        ({                                      \
                __typeof__(var) *_p = &(var);   \
                __typeof__(var) _v = *_p;       \
                *_p = (nullvalue);              \
                _v;                             \
        })
#define TAKE_PTR(ptr) TAKE_GENERIC(ptr, NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, -EBADF)

/* Makes func##p(), which _cleanup_() takes, out of a destructor that takes a pointer. */
#define DEFINE_TRIVIAL_CLEANUP_FUNC(type, func) \
        static inline void func##p(type *p) {   \
                if (*p)                         \
                        func(*p);               \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))
