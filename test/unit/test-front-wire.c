/* SPDX-License-Identifier: MIT */
#include "protocol/front-wire.h"
#include "test.h"

#define HEADER 10U
#define KEY_FIELD (1U + 2U + 4U + 512U)

static PublicKey rsa_key(uint16_t size) {
        PublicKey k = { .type = KEY_TYPE_RSA, .size = size, .exponent = 65537 };

        memset(k.n, 0xab, size);
        return k;
}

/* The base points: SEC 2, 2.4.2 and 2.5.1. */
static PublicKey p256_key(void) {
        _cleanup_bytes_ Bytes x = test_unhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
        _cleanup_bytes_ Bytes y = test_unhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
        PublicKey k = { .type = KEY_TYPE_P256, .size = 32 };

        memcpy(k.x, x.data, 32);
        memcpy(k.y, y.data, 32);
        return k;
}

static PublicKey p384_key(void) {
        _cleanup_bytes_ Bytes x = test_unhex("aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38"
                                             "5502f25dbf55296c3a545e3872760ab7");
        _cleanup_bytes_ Bytes y = test_unhex("3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0"
                                             "0a60b1ce1d7e819d7a431d7c90ea0e5f");
        PublicKey k = { .type = KEY_TYPE_P384, .size = 48 };

        memcpy(k.x, x.data, 48);
        memcpy(k.y, y.data, 48);
        return k;
}

static FrontMessage sample_attest(void) {
        FrontMessage m = {
                .type = FRONT_ATTEST,
                .id = 0x0102030405060708,
                .attest = {
                        .ek = rsa_key(512),
                        .ak = p256_key(),
                        .evidence = EK_EVIDENCE_TRUSTED,
                        .tpm = { .manufacturer = "id:00001014", .model = "swtpm", .version = "id:20191023" },
                        .peer = "[2001:db8::1]:4711",
                },
        };
        return m;
}

static FrontMessage sample_attest_reply(void) {
        FrontMessage m = { .type = FRONT_ATTEST_REPLY, .id = 7 };

        memset(m.attest_reply.credential.id_object, 0x11, 70);
        m.attest_reply.credential.id_object_size = 70;
        memset(m.attest_reply.credential.encrypted_secret, 0x22, 258);
        m.attest_reply.credential.encrypted_secret_size = 258;
        return m;
}

static FrontMessage sample_secret_reply(unsigned n) {
        FrontMessage m = { .type = FRONT_SECRET_REPLY, .id = 8, .secret_reply = { .ek_hash = { 5, [31] = 6 }, .n_chain = n } };

        for (unsigned i = 0; i < n; i++) {
                m.secret_reply.chain[i].size = (uint16_t) (FRONT_CERTIFICATE_MAX - i);
                memset(m.secret_reply.chain[i].der, 0x30 + (int) i, m.secret_reply.chain[i].size);
        }
        return m;
}

/* Encodes, then tries every truncation and one byte more; gives what the whole packet decodes to. */
static FrontMessage through(const FrontMessage *m) {
        uint8_t packet[FRONT_MESSAGE_MAX + 1] = {}, again[FRONT_MESSAGE_MAX];
        FrontMessage back = {};
        int n;

        n = front_message_encode(m, packet);
        check(n > 0);
        for (int i = 0; i < n; i++)
                check_int(front_message_decode(VIEW(packet, i), &back), -EBADMSG);
        check_int(front_message_decode(VIEW(packet, n + 1), &back), -EBADMSG);
        check_int(back.type, 0);
        check_int(front_message_decode(VIEW(packet, n), &back), 0);
        check_int(back.type, m->type);
        check_int(back.id, m->id);
        check_int(front_message_encode(&back, again), n);
        check(memcmp(packet, again, (size_t) n) == 0);
        return back;
}

static void test_round_trip(void) {
        FrontMessage m = sample_attest(), back;

        back = through(&m);
        check(public_key_equal(&back.attest.ek, &m.attest.ek) && public_key_equal(&back.attest.ak, &m.attest.ak));
        check_int(back.attest.evidence, EK_EVIDENCE_TRUSTED);
        check_str(back.attest.tpm.manufacturer, "id:00001014");
        check_str(back.attest.tpm.model, "swtpm");
        check_str(back.attest.tpm.version, "id:20191023");
        check_str(back.attest.peer, "[2001:db8::1]:4711");

        m.attest = (FrontAttest) { .ek = p384_key(), .ak = rsa_key(256), .evidence = EK_EVIDENCE_UNTRUSTED };
        memset(m.attest.issuer, 'i', sizeof(m.attest.issuer) - 1);
        back = through(&m);
        check(public_key_equal(&back.attest.ek, &m.attest.ek) && public_key_equal(&back.attest.ak, &m.attest.ak));
        check_str(back.attest.issuer, m.attest.issuer);

        m = (FrontMessage) { .type = FRONT_SECRET, .id = UINT64_MAX, .secret.peer = "127.0.0.1:1" };
        memset(m.secret.secret, 0x5a, sizeof(m.secret.secret));
        back = through(&m);
        check(memcmp(back.secret.secret, m.secret.secret, sizeof(m.secret.secret)) == 0);
        check_str(back.secret.peer, "127.0.0.1:1");

        m = (FrontMessage) { .type = FRONT_NAME, .id = 9, .name = { .name = "*.framework", .peer = "[::1]:2" } };
        back = through(&m);
        check_str(back.name.name, "*.framework");
        check_str(back.name.peer, "[::1]:2");
        memset(m.name.name, 'n', DEVICE_NAME_MAX);
        back = through(&m);
        check_str(back.name.name, m.name.name);

        m = (FrontMessage) { .type = FRONT_CHANGED };
        (void) through(&m);
}

static void test_round_trip_replies(void) {
        FrontMessage m = sample_attest_reply(), back;

        back = through(&m);
        check_int(back.attest_reply.status, FRONT_OK);
        check_int(back.attest_reply.credential.id_object_size, 70);
        check(memcmp(back.attest_reply.credential.id_object, m.attest_reply.credential.id_object, 70) == 0);
        check_int(back.attest_reply.credential.encrypted_secret_size, 258);

        for (unsigned n = 1; n <= FRONT_CHAIN_MAX; n++) {
                m = sample_secret_reply(n);
                back = through(&m);
                check_int(back.secret_reply.n_chain, n);
                check(memcmp(back.secret_reply.ek_hash, m.secret_reply.ek_hash, 32) == 0);
                for (unsigned i = 0; i < n; i++)
                        check(view_equal(VIEW(back.secret_reply.chain[i].der, back.secret_reply.chain[i].size),
                                         VIEW(m.secret_reply.chain[i].der, m.secret_reply.chain[i].size)));
        }

        for (unsigned status = FRONT_OK; status < _FRONT_STATUS_MAX; status++) {
                m = (FrontMessage) { .type = FRONT_NAME_REPLY, .id = 3, .name_reply.status = (FrontStatus) status };
                back = through(&m);
                check_int(back.name_reply.status, status);
        }

        /* What a failure carries is left out. */
        for (unsigned status = FRONT_OK + 1; status < _FRONT_STATUS_MAX; status++) {
                m = sample_attest_reply();
                m.attest_reply.status = (FrontStatus) status;
                back = through(&m);
                check_int(back.attest_reply.status, status);
                check_int(back.attest_reply.credential.id_object_size, 0);
                m = sample_secret_reply(2);
                m.secret_reply.status = (FrontStatus) status;
                back = through(&m);
                check_int(back.secret_reply.status, status);
                check_int(back.secret_reply.n_chain, 0);
                check_int(back.secret_reply.ek_hash[0], status == FRONT_WAITING ? 5 : 0);
        }
}

typedef struct Bend {
        size_t at;
        uint8_t value;
} Bend;

static void refused(const FrontMessage *m, const Bend *bends, size_t n_bends) {
        uint8_t packet[FRONT_MESSAGE_MAX];
        FrontMessage back;

        for (size_t i = 0; i < n_bends; i++) {
                int n = front_message_encode(m, packet);
                check(n > 0 && bends[i].at < (size_t) n && packet[bends[i].at] != bends[i].value);
                packet[bends[i].at] = bends[i].value;
                if (front_message_decode(VIEW(packet, n), &back) != -EBADMSG) {
                        fprintf(stderr, "message %d, byte %zu as %u\n", (int) m->type, bends[i].at, bends[i].value);
                        abort();
                }
        }
}

static void test_bent_attest(void) {
        enum {
                EK = HEADER,
                AK = EK + KEY_FIELD,
                EVIDENCE = AK + KEY_FIELD,
                TPM = EVIDENCE + 1,
                ISSUER = TPM + 3 * TPM_DATA_TEXT_MAX,
                PEER = ISSUER + EK_ISSUER_TEXT_MAX,
        };
        const Bend bends[] = {
                { 0, 0 },                  /* version */
                { 0, 2 },
                { 1, 0 },                  /* type */
                { 1, FRONT_SECRET },
                { 1, 6 },
                { EK, 0 },                 /* type of the key */
                { EK, KEY_TYPE_P256 },
                { EK, KEY_TYPE_P384 },
                { EK, 4 },
                { EK + 1, 3 },             /* size */
                { EK + 1, 0xff },
                { EK + 2, 1 },
                { EK + 6, 2 },             /* exponent: even */
                { EK + 4, 0 },             /* exponent: 1 */
                { EK + 7, 0x2b },          /* top bit of the modulus */
                { EK + KEY_FIELD - 1, 2 }, /* even modulus */
                { AK, KEY_TYPE_RSA },
                { AK, KEY_TYPE_P384 },
                { AK + 2, 31 },
                { AK + 2, 33 },
                { AK + 6, 1 },             /* an EC key has no exponent */
                { AK + 7, 0 },             /* not on the curve */
                { AK + 7 + 63, 0 },
                { AK + 7 + 64, 1 },        /* after the point */
                { AK + KEY_FIELD - 1, 1 },
                { EVIDENCE, EK_EVIDENCE_NONE }, /* with TPM data */
                { EVIDENCE, EK_EVIDENCE_UNTRUSTED },
                { EVIDENCE, 3 },
                { TPM + 20, 'x' },         /* after the NUL */
                { TPM + TPM_DATA_TEXT_MAX - 1, 'x' },
                { TPM + TPM_DATA_TEXT_MAX + 20, 1 },
                { TPM + 2 * TPM_DATA_TEXT_MAX + 20, 1 },
                { TPM + TPM_DATA_TEXT_MAX, '\n' },
                { TPM + TPM_DATA_TEXT_MAX, 0xff },
                { ISSUER, 'x' },           /* trusted evidence names no issuer */
                { ISSUER + EK_ISSUER_TEXT_MAX - 1, 'x' },
                { PEER + 40, 'x' },
                { PEER + FRONT_PEER_MAX - 1, 'x' },
        };
        FrontMessage m = sample_attest();

        refused(&m, bends, ELEMENTSOF(bends));

        /* A text that fills its field to the last byte has no NUL. */
        uint8_t packet[FRONT_MESSAGE_MAX];
        FrontMessage back;
        m.attest.evidence = EK_EVIDENCE_UNTRUSTED;
        m.attest.tpm = (TpmData) {};
        memset(m.attest.issuer, 'i', sizeof(m.attest.issuer));
        int n = front_message_encode(&m, packet);
        check_int(front_message_decode(VIEW(packet, n), &back), 0);
        packet[ISSUER + EK_ISSUER_TEXT_MAX - 1] = 'i';
        check_int(front_message_decode(VIEW(packet, n), &back), -EBADMSG);
}

static void test_bent_others(void) {
        enum {
                OBJECT = HEADER + 1,
                SEED = OBJECT + 2 + sizeof(((Credential *) NULL)->id_object),
                CHAIN = HEADER + 2 + 32,
                CHAIN2 = CHAIN + 2 + FRONT_CERTIFICATE_MAX,
        };
        const Bend secret[] = { { HEADER + 32 + 1, 'x' }, { HEADER + 32 + FRONT_PEER_MAX - 1, 1 }, { 1, 1 }, { 1, 5 } };
        const Bend name[] = {
                { HEADER, 0 },                       /* no name */
                { HEADER + 2, 'x' }, { HEADER + DEVICE_NAME_MAX, 'x' },
                { HEADER + DEVICE_NAME_MAX + 2, 'x' }, { 1, FRONT_SECRET }, { 1, FRONT_NAME_REPLY },
        };
        const Bend name_reply[] = { { HEADER, _FRONT_STATUS_MAX }, { 1, FRONT_ATTEST_REPLY }, { 1, FRONT_CHANGED } };
        const Bend changed[] = { { 9, 1 }, { 0, 9 }, { 1, 2 } };
        const Bend reply[] = {
                { HEADER, FRONT_BUSY }, { HEADER, _FRONT_STATUS_MAX }, { HEADER, 0xff },
                { OBJECT, 1 },            /* size beyond the field */
                { OBJECT + 1, 0 },        /* success without a credential */
                { OBJECT + 1, 69 },       /* bytes after the end */
                { SEED - 1, 1 },
                { SEED, 0xff }, { SEED + 1, 1 }, { SEED + 2 + 513, 1 },
                { 1, FRONT_SECRET_REPLY },
        };
        const Bend chain[] = {
                { HEADER, FRONT_DENIED }, { HEADER, _FRONT_STATUS_MAX },
                { HEADER + 1, 0 }, { HEADER + 1, 1 }, { HEADER + 1, 3 },
                { CHAIN, 9 }, { CHAIN, 0 }, { CHAIN2, 0 },
                { CHAIN2 + 1 + FRONT_CERTIFICATE_MAX, 1 },
        };
        FrontMessage m;

        m = (FrontMessage) { .type = FRONT_SECRET, .id = 1 };
        refused(&m, secret, ELEMENTSOF(secret));
        m = (FrontMessage) { .type = FRONT_NAME, .id = 1, .name.name = "a" };
        refused(&m, name, ELEMENTSOF(name));
        m = (FrontMessage) { .type = FRONT_NAME_REPLY, .id = 1, .name_reply.status = FRONT_DENIED };
        refused(&m, name_reply, ELEMENTSOF(name_reply));
        m = (FrontMessage) { .type = FRONT_CHANGED };
        refused(&m, changed, ELEMENTSOF(changed));
        m = sample_attest_reply();
        refused(&m, reply, ELEMENTSOF(reply));
        m = sample_secret_reply(2);
        refused(&m, chain, ELEMENTSOF(chain));
}

static void test_encode_limits(void) {
        uint8_t packet[FRONT_MESSAGE_MAX];
        FrontMessage m = sample_secret_reply(2);

        m.secret_reply.n_chain = 3;
        check_int(front_message_encode(&m, packet), -E2BIG);
        m = sample_secret_reply(1);
        m.secret_reply.chain[0].size = FRONT_CERTIFICATE_MAX + 1;
        check_int(front_message_encode(&m, packet), -E2BIG);
        m = sample_attest_reply();
        m.attest_reply.credential.encrypted_secret_size = 600;
        check_int(front_message_encode(&m, packet), -E2BIG);
        m.type = (FrontMessageType) 9;
        check_int(front_message_encode(&m, packet), -E2BIG);
}

int main(void) {
        test_round_trip();
        test_round_trip_replies();
        test_bent_attest();
        test_bent_others();
        test_encode_limits();
        return EXIT_SUCCESS;
}
