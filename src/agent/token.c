/* SPDX-License-Identifier: MIT */
#include "agent/token.h"

#include <openssl/sha.h>

#include "shared/log.h"

#define SERIAL_SIZE 16U
#define SERIAL_CONTEXT "attezt token serial number 1"

_Static_assert(ENROLLMENT_OLDER_MAX + 1 <= PKCS11_GENERATIONS_MAX, "a token holds what is kept on disk");

typedef struct Generations {
        Pkcs11Generation *list[ENROLLMENT_OLDER_MAX + 1];
        size_t n;
} Generations;

static void generations_done(Generations *g) {
        for (size_t i = 0; i < g->n; i++)
                (void) pkcs11_generation_unref(g->list[i]);
}

/* The same for this device always, another's is another; and nobody learns the EK's hash from it, which is the
 * device's name at the attestation server. */
static void make_serial(const uint8_t *ek_hash, char ret[static SERIAL_SIZE + 1]) {
        uint8_t text[sizeof(SERIAL_CONTEXT) + 32] = SERIAL_CONTEXT, digest[SHA256_DIGEST_LENGTH];

        memcpy(text + sizeof(SERIAL_CONTEXT), ek_hash, 32);
        SHA256(text, sizeof(text), digest);
        hex_encode(VIEW(digest, SERIAL_SIZE / 2), ret);
}

int token_new(Pkcs11Token **ret) {
        return pkcs11_token_new("0000000000000000", ret);
}

static void add_older(Generations *g, const char *state_dir, uint64_t current) {
        _cleanup_(enrollment_older_done) EnrollmentOlder older = {};

        int r = enrollment_load_older(state_dir, current, &older);
        if (r < 0)
                log_warning_errno(r, "Older keys cannot be looked up: %m");
        for (size_t i = 0; r >= 0 && i < older.n; i++)
                if (pkcs11_generation_new(older.generations[i], bytes_view(&older.chains_pem[i]), &g->list[g->n]) >= 0)
                        g->n++;
}

static int load(Pkcs11Token *t, const Enrollment *e, const char *state_dir) {
        _cleanup_(generations_done) Generations g = {};
        char serial[SERIAL_SIZE + 1];
        int r;

        r = pkcs11_generation_new(e->generation, bytes_view(&e->chain_pem), &g.list[0]);
        if (r < 0)
                return r;
        g.n = 1;
        add_older(&g, state_dir, e->generation);
        make_serial(e->ek_hash, serial);
        pkcs11_token_set_serial(t, serial);
        return pkcs11_token_set(t, g.list, g.n);
}

void token_load(Pkcs11Token *t, const Agent *a) {
        const Enrollment *e = agent_enrollment(a);
        int r = 0;

        if (e) {
                r = load(t, e, agent_options(a)->state_dir);
                if (r < 0)
                        log_warning_errno(r, "The certificate cannot be shown as a PKCS#11 token: %m");
        }
        if (!e || r < 0)
                (void) pkcs11_token_set(t, NULL, 0);
}
