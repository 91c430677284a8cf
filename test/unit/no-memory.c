/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <json.h>
#include <link.h>
#include <openssl/kdf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "no-memory.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
/* The sanitizer's own beginning needs memory before its checks can work. */
#define EARLY __attribute__((no_sanitize("address"), no_sanitize("undefined")))
#define CALLER ((uintptr_t) __builtin_extract_return_addr(__builtin_return_address(0)))

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t size);

/* Of the linker: where the program's own code is. */
extern const char __executable_start[], etext[];

#define SPARED_MAX 4U

typedef struct Range {
        uintptr_t start, end;
} Range;

static struct {
        NoMemory how;
        bool on, ours, happened;
        uint64_t nth, seen;
        Range spared[SPARED_MAX];
        size_t n_spared;
} state;

/* GMP ends the process when it gets no memory, by its design, and libtasn1 (4.19) writes through NULL. */
static int find_spared(struct dl_phdr_info *info, size_t size, void *userdata) {
        if (!strstr(info->dlpi_name, "/libgmp.so") && !strstr(info->dlpi_name, "/libtasn1.so"))
                return 0;
        for (unsigned i = 0; i < info->dlpi_phnum && state.n_spared < SPARED_MAX; i++) {
                const ElfW(Phdr) *p = info->dlpi_phdr + i;
                if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
                        continue;
                uintptr_t at = info->dlpi_addr + p->p_vaddr;
                state.spared[state.n_spared++] = (Range) { at, at + p->p_memsz };
        }
        return 0;
}

void no_memory_begin(NoMemory how, bool ours, uint64_t nth) {
        if (state.n_spared == 0)
                (void) dl_iterate_phdr(find_spared, NULL);
        state.how = how;
        state.ours = ours;
        state.nth = nth;
        state.seen = 0;
        state.happened = false;
        state.on = true;
}

uint64_t no_memory_end(void) {
        state.on = false;
        return state.seen;
}

bool no_memory_happened(void) {
        return state.happened;
}

EARLY static bool denied(uintptr_t caller) {
        if (!state.on)
                return false;
        for (size_t i = 0; i < state.n_spared; i++)
                if (caller >= state.spared[i].start && caller < state.spared[i].end)
                        return false;
        if (state.ours && (caller < (uintptr_t) __executable_start || caller >= (uintptr_t) etext))
                return false;
        state.seen++;
        if (state.nth == 0 || state.seen < state.nth || (state.how == NO_MEMORY_ONCE && state.seen > state.nth))
                return false;
        state.happened = true;
        errno = ENOMEM;
        return true;
}

EARLY void *malloc(size_t size) {
        return denied(CALLER) ? NULL : REAL(malloc)(size);
}

EARLY void *calloc(size_t n, size_t size) {
        return denied(CALLER) ? NULL : REAL(calloc)(n, size);
}

EARLY void *realloc(void *p, size_t size) {
        return denied(CALLER) ? NULL : REAL(realloc)(p, size);
}

/* The sanitizer's would not ask malloc(). */
EARLY char *strndup(const char *text, size_t max) {
        size_t n = strnlen(text, max);

        char *copy = denied(CALLER) ? NULL : REAL(malloc)(n + 1);
        if (!copy)
                return NULL;
        memcpy(copy, text, n);
        copy[n] = 0;
        return copy;
}

EARLY char *strdup(const char *text) {
        size_t n = strlen(text) + 1;

        char *copy = denied(CALLER) ? NULL : REAL(malloc)(n);
        return copy ? memcpy(copy, text, n) : NULL;
}

/* --- What would not survive it --- */

/* There is memory in functions of libraries that use what they did not get, in the versions of Debian 12. */
#define SPARE(type, name, parameters, ...)                                             \
        type name parameters {                                                         \
                static type (*next) parameters;                                        \
                bool on = state.on;                                                    \
                                                                                       \
                state.on = false;                                                      \
                if (!next)                                                             \
                        next = (__typeof__(next)) dlsym(RTLD_NEXT, #name);             \
                type r = next(__VA_ARGS__);                                            \
                state.on = on;                                                         \
                return r;                                                              \
        }

SPARE(struct json_object *, json_tokener_parse_ex, (struct json_tokener * t, const char *text, int size), t, text, size)
SPARE(EVP_KDF_CTX *, EVP_KDF_CTX_new, (EVP_KDF * kdf), kdf)
SPARE(int, gnutls_x509_rdn_get2, (const gnutls_datum_t *der, gnutls_datum_t *ret, unsigned flags), der, ret, flags)

/* json-c forgets the name of a member when there is no memory for the member. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:json_object_object_add_ex";
}
