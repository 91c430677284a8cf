/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-objects.h"

#include <assert.h>

#include "protocol/gnutls-types.h"

#define CERTIFICATES_MAX (1U + PKCS11_INTERMEDIATES_MAX)

/* A handle: 27 bits of the device certificate's hash, 4 bits that say which of its generation's objects it is. */
#define HANDLE_NUMBER_BITS 4U
#define NUMBER_CERTIFICATE 1U
#define NUMBER_PRIVATE_KEY 2U
#define NUMBER_PUBLIC_KEY 3U
#define NUMBER_INTERMEDIATE(i) (4U + 2U * (uint32_t) (i)) /* its public key is the next one */

static_assert(NUMBER_INTERMEDIATE(PKCS11_INTERMEDIATES_MAX) <= 1U << HANDLE_NUMBER_BITS,
              "too few bits for all objects");

struct Pkcs11Generation {
        unsigned n_ref;
        uint64_t number;
        uint32_t handle_base;
        uint8_t key_hash[32];
        Pkcs11Certificate certificates[CERTIFICATES_MAX];
        size_t n_certificates;
        Pkcs11Object objects[PKCS11_OBJECTS_MAX];
        size_t n_objects;
};

/* --- A generation --- */

Pkcs11Generation *pkcs11_generation_ref(Pkcs11Generation *g) {
        g->n_ref++;
        return g;
}

Pkcs11Generation *pkcs11_generation_unref(Pkcs11Generation *g) {
        if (!g || --g->n_ref > 0)
                return NULL;
        for (size_t i = 0; i < g->n_certificates; i++)
                pkcs11_certificate_done(&g->certificates[i]);
        free(g);
        return NULL;
}

static int add_object(Pkcs11Generation *g, Pkcs11Kind kind, const Pkcs11Certificate *c, uint32_t number) {
        int r;

        r = pkcs11_object_make(kind, c, c == g->certificates, g->handle_base + number, &g->objects[g->n_objects]);
        if (r < 0)
                return r;
        g->n_objects++;
        return 0;
}

static uint32_t make_handle_base(const uint8_t hash[static 32]) {
        ByteReader r = READER(VIEW(hash, 32));

        return read_u32(&r) >> (1 + HANDLE_NUMBER_BITS) << HANDLE_NUMBER_BITS;
}

static int add_objects(Pkcs11Generation *g) {
        const Pkcs11Certificate *device = &g->certificates[0];
        int r;

        if (device->key.type == KEY_TYPE_INVALID)
                return -EBADMSG;
        r = public_key_hash(&device->key, g->key_hash);
        if (r < 0)
                return r;
        g->handle_base = make_handle_base(device->sha256);
        r = add_object(g, PKCS11_KIND_CERTIFICATE, device, NUMBER_CERTIFICATE);
        if (r >= 0)
                r = add_object(g, PKCS11_KIND_PRIVATE_KEY, device, NUMBER_PRIVATE_KEY);
        if (r >= 0)
                r = add_object(g, PKCS11_KIND_PUBLIC_KEY, device, NUMBER_PUBLIC_KEY);
        for (size_t i = 0; r >= 0 && i + 1 < g->n_certificates; i++) {
                const Pkcs11Certificate *c = &g->certificates[i + 1];
                r = add_object(g, PKCS11_KIND_CERTIFICATE, c, NUMBER_INTERMEDIATE(i));
                if (r >= 0 && c->key.type != KEY_TYPE_INVALID)
                        r = add_object(g, PKCS11_KIND_PUBLIC_KEY, c, NUMBER_INTERMEDIATE(i) + 1);
        }
        return r;
}

static int add_certificates(Pkcs11Generation *g, const gnutls_x509_crt_t *list, size_t n) {
        for (size_t i = 0; i < MIN_OF(n, (size_t) CERTIFICATES_MAX); i++) {
                int r = pkcs11_certificate_read(list[i], &g->certificates[i]);
                if (r < 0)
                        return r;
                g->n_certificates++;
        }
        return 0;
}

static int import_chain(Pkcs11Generation *g, ByteView pem) {
        gnutls_x509_crt_t list[PKCS11_CHAIN_MAX];
        unsigned n = ELEMENTSOF(list);
        gnutls_datum_t d = datum_of(pem);
        int r;

        r = gnutls_x509_crt_list_import(list, &n, &d, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
        if (r < 0)
                return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM :
                       r == GNUTLS_E_SHORT_MEMORY_BUFFER ? -E2BIG : -EBADMSG;
        r = n > 0 ? add_certificates(g, list, n) : -EBADMSG;
        for (unsigned i = 0; i < n; i++)
                gnutls_x509_crt_deinit(list[i]);
        return r;
}

int pkcs11_generation_new(uint64_t number, ByteView chain_pem, Pkcs11Generation **ret) {
        _cleanup_(pkcs11_generation_unrefp) Pkcs11Generation *g = NULL;
        int r;

        if (chain_pem.size > PKCS11_CHAIN_PEM_MAX)
                return -E2BIG;
        if (chain_pem.size == 0)
                return -EBADMSG;
        g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;
        g->n_ref = 1;
        g->number = number;
        r = import_chain(g, chain_pem);
        if (r < 0)
                return r;
        r = add_objects(g);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

uint64_t pkcs11_generation_number(const Pkcs11Generation *g) {
        return g->number;
}

int64_t pkcs11_generation_not_after(const Pkcs11Generation *g) {
        return g->certificates[0].not_after;
}

const PublicKey *pkcs11_generation_key(const Pkcs11Generation *g) {
        return &g->certificates[0].key;
}

const uint8_t *pkcs11_generation_key_hash(const Pkcs11Generation *g) {
        return g->key_hash;
}

const uint8_t *pkcs11_generation_hash(const Pkcs11Generation *g) {
        return g->certificates[0].sha256;
}

const uint8_t *pkcs11_generation_id(const Pkcs11Generation *g, size_t *ret_size) {
        *ret_size = g->certificates[0].id_size;
        return g->certificates[0].id;
}

/* --- The token --- */

struct Pkcs11Token {
        char serial[PKCS11_SERIAL_SIZE];
        Pkcs11Generation *generations[PKCS11_GENERATIONS_MAX]; /* newest first */
        size_t n;
};

int pkcs11_token_new(const char serial[static PKCS11_SERIAL_SIZE], Pkcs11Token **ret) {
        Pkcs11Token *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        pkcs11_token_set_serial(t, serial);
        *ret = t;
        return 0;
}

Pkcs11Token *pkcs11_token_free(Pkcs11Token *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n; i++)
                pkcs11_generation_unref(t->generations[i]);
        free(t);
        return NULL;
}

void pkcs11_token_set_serial(Pkcs11Token *t, const char serial[static PKCS11_SERIAL_SIZE]) {
        memcpy(t->serial, serial, sizeof(t->serial));
}

static bool handles_taken(const Pkcs11Token *t, const Pkcs11Generation *g) {
        for (size_t i = 0; i < t->n; i++)
                if (t->generations[i]->handle_base == g->handle_base)
                        return true;
        return false;
}

int pkcs11_token_set(Pkcs11Token *t, Pkcs11Generation *const *generations, size_t n) {
        Pkcs11Token old = *t;

        if (n > PKCS11_GENERATIONS_MAX)
                return -E2BIG;
        t->n = 0;
        for (size_t i = 0; i < n; i++)
                if (!handles_taken(t, generations[i]))
                        t->generations[t->n++] = pkcs11_generation_ref(generations[i]);
        for (size_t i = 0; i < old.n; i++)
                pkcs11_generation_unref(old.generations[i]);
        return 0;
}

bool pkcs11_token_present(const Pkcs11Token *t) {
        return t->n > 0;
}

const Pkcs11Generation *pkcs11_token_newest(const Pkcs11Token *t) {
        return t->n > 0 ? t->generations[0] : NULL;
}

const char *pkcs11_token_serial(const Pkcs11Token *t) {
        return t->serial;
}

size_t pkcs11_token_find(const Pkcs11Token *t, const Pkcs11Template *what, uint32_t ret[static PKCS11_OBJECTS_MAX]) {
        const Pkcs11Generation *g = pkcs11_token_newest(t);
        size_t n = 0;

        for (size_t i = 0; g && i < g->n_objects; i++)
                if (pkcs11_object_matches(&g->objects[i], what))
                        ret[n++] = g->objects[i].handle;
        return n;
}

static const Pkcs11Object *find_object(const Pkcs11Generation *g, uint64_t handle) {
        for (size_t i = 0; i < g->n_objects; i++)
                if (g->objects[i].handle == handle)
                        return &g->objects[i];
        return NULL;
}

const Pkcs11Object *pkcs11_token_object(const Pkcs11Token *t, uint64_t handle, int64_t now,
                                        const Pkcs11Generation **ret_generation) {
        for (size_t i = 0; i < t->n; i++) {
                const Pkcs11Generation *g = t->generations[i];
                const Pkcs11Object *o = find_object(g, handle);
                if (!o)
                        continue;
                if (i > 0 && now > g->certificates[0].not_after)
                        return NULL;
                *ret_generation = g;
                return o;
        }
        return NULL;
}
