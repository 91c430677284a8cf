/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-attributes.h"

#include "protocol/pkcs11-constants.h"
#include "protocol/pkcs11-mechanism.h"

#define LABEL_CERTIFICATE "Attezt TPM Certificate"
#define LABEL_KEY "Attezt TPM key"
#define LABEL_INTERMEDIATE "Intermediate Certificate"
#define LABEL_INTERMEDIATE_KEY "Intermediate Certificate Public Key"

/* --- Adding values --- */

typedef struct Maker {
        Pkcs11Object *object;
        const Pkcs11Certificate *certificate;
        ByteWriter own;
        bool device;
        bool failed;
} Maker;

static void add(Maker *m, uint32_t type, ByteView value) {
        Pkcs11Object *o = m->object;

        if (o->n == ELEMENTSOF(o->attributes)) {
                m->failed = true;
                return;
        }
        o->attributes[o->n++] = (Pkcs11Attribute) { .type = type, .value = value };
}

static void add_flag(Maker *m, uint32_t type, bool value) {
        static const uint8_t no[] = { 0 }, yes[] = { 1 };

        add(m, type, value ? VIEW_ARRAY(yes) : VIEW_ARRAY(no));
}

/* What was written to own since it had that size. */
static void add_own(Maker *m, uint32_t type, size_t from) {
        m->failed |= m->own.failed;
        add(m, type, VIEW(m->own.data + from, m->own.size - from));
}

static void add_number(Maker *m, uint32_t type, uint64_t value) {
        size_t from = m->own.size;

        write_u64(&m->own, value);
        add_own(m, type, from);
}

static void add_date(Maker *m, uint32_t type, const char date[static PKCS11_DATE_SIZE]) {
        add(m, type, VIEW(date, date[0] ? PKCS11_DATE_SIZE : 0));
}

/* --- The three kinds --- */

static void add_common(Maker *m, uint32_t class, const char *label) {
        const Pkcs11Certificate *c = m->certificate;

        add_number(m, CKA_CLASS, class);
        add_flag(m, CKA_TOKEN, true);
        add_flag(m, CKA_PRIVATE, false);
        add_flag(m, CKA_MODIFIABLE, false);
        add_flag(m, CKA_COPYABLE, false);
        add_flag(m, CKA_DESTROYABLE, false);
        add(m, CKA_LABEL, VIEW_STR(label));
        add(m, CKA_ID, VIEW(c->id, c->id_size));
        add(m, CKA_SUBJECT, c->parts.subject);
        add_date(m, CKA_START_DATE, c->start);
        add_date(m, CKA_END_DATE, c->end);
        add(m, CKA_PUBLIC_KEY_INFO, c->parts.spki);
}

static void add_certificate(Maker *m) {
        const Pkcs11Certificate *c = m->certificate;

        add_common(m, CKO_CERTIFICATE, m->device ? LABEL_CERTIFICATE : LABEL_INTERMEDIATE);
        add_number(m, CKA_CERTIFICATE_TYPE, CKC_X_509);
        add_number(m, CKA_CERTIFICATE_CATEGORY,
                   m->device ? CK_CERTIFICATE_CATEGORY_TOKEN_USER : CK_CERTIFICATE_CATEGORY_AUTHORITY);
        add_number(m, CKA_JAVA_MIDP_SECURITY_DOMAIN, 0);
        add_flag(m, CKA_TRUSTED, false);
        add(m, CKA_CHECK_VALUE, VIEW(c->sha1, 3));
        add(m, CKA_ISSUER, c->parts.issuer);
        add(m, CKA_SERIAL_NUMBER, c->serial);
        add(m, CKA_VALUE, bytes_view(&c->der));
}

static void add_rsa(Maker *m, const PublicKey *k) {
        size_t from = m->own.size;
        unsigned bytes = 4;

        while (bytes > 1 && k->exponent >> (8 * (bytes - 1)) == 0)
                bytes--;
        for (unsigned i = bytes; i > 0; i--)
                write_u8(&m->own, (uint8_t) (k->exponent >> (8 * (i - 1))));
        add_own(m, CKA_PUBLIC_EXPONENT, from);
        add(m, CKA_MODULUS, VIEW(k->n, k->size));
        add_number(m, CKA_MODULUS_BITS, 8 * (uint64_t) k->size);
}

/* The point within an OCTET STRING, as PKCS#11 has it since 2.30. */
static void add_ec(Maker *m, const PublicKey *k) {
        static const uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
        static const uint8_t p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
        uint8_t point[1 + 2 * PUBLIC_KEY_EC_SIZE_MAX];
        ByteWriter w = WRITER(point, sizeof(point));
        size_t from = m->own.size;

        write_u8(&w, 4); /* uncompressed */
        write_bytes(&w, k->x, k->size);
        write_bytes(&w, k->y, k->size);
        write_der(&m->own, DER_OCTET_STRING, writer_view(&w));
        add_own(m, CKA_EC_POINT, from);
        add(m, CKA_EC_PARAMS, k->type == KEY_TYPE_P256 ? VIEW_ARRAY(p256) : VIEW_ARRAY(p384));
}

static void add_key(Maker *m, uint32_t class, const char *label) {
        const PublicKey *k = &m->certificate->key;
        bool rsa = k->type == KEY_TYPE_RSA;

        add_common(m, class, label);
        add_number(m, CKA_KEY_TYPE, rsa ? CKK_RSA : CKK_EC);
        add_flag(m, CKA_DERIVE, false);
        add_flag(m, CKA_LOCAL, m->device);
        add_number(m, CKA_KEY_GEN_MECHANISM, !m->device ? CK_UNAVAILABLE_INFORMATION :
                                             rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN);
        if (rsa)
                add_rsa(m, k);
        else
                add_ec(m, k);
}

static void add_allowed_mechanisms(Maker *m) {
        uint32_t types[PKCS11_MECHANISMS_MAX];
        size_t n = pkcs11_mechanisms_of(m->certificate->key.type, types), from = m->own.size;

        for (size_t i = 0; i < n; i++)
                write_u64(&m->own, types[i]);
        add_own(m, CKA_ALLOWED_MECHANISMS, from);
}

static void add_private_key(Maker *m) {
        add_key(m, CKO_PRIVATE_KEY, LABEL_KEY);
        add_flag(m, CKA_SENSITIVE, true);
        add_flag(m, CKA_ALWAYS_SENSITIVE, true);
        add_flag(m, CKA_EXTRACTABLE, false);
        add_flag(m, CKA_NEVER_EXTRACTABLE, true);
        add_flag(m, CKA_SIGN, true);
        add_flag(m, CKA_SIGN_RECOVER, false);
        add_flag(m, CKA_DECRYPT, m->certificate->key.type == KEY_TYPE_RSA);
        add_flag(m, CKA_UNWRAP, false);
        add_flag(m, CKA_WRAP_WITH_TRUSTED, false);
        add_flag(m, CKA_ALWAYS_AUTHENTICATE, false);
        add_allowed_mechanisms(m);
}

/* That of an intermediate certificate verifies the device's; with the device's own one may encrypt for it. */
static void add_public_key(Maker *m) {
        add_key(m, CKO_PUBLIC_KEY, m->device ? LABEL_KEY : LABEL_INTERMEDIATE_KEY);
        add_flag(m, CKA_VERIFY, true);
        add_flag(m, CKA_VERIFY_RECOVER, false);
        add_flag(m, CKA_ENCRYPT, m->device && m->certificate->key.type == KEY_TYPE_RSA);
        add_flag(m, CKA_WRAP, false);
        add_flag(m, CKA_TRUSTED, false);
}

int pkcs11_object_make(Pkcs11Kind kind, const Pkcs11Certificate *c, bool device, uint32_t handle, Pkcs11Object *o) {
        Maker m = { .object = o, .certificate = c, .device = device, .own = WRITER(o->own, sizeof(o->own)) };

        o->handle = handle;
        o->kind = kind;
        o->key_type = c->key.type;
        o->n = 0;
        switch (kind) {
        case PKCS11_KIND_CERTIFICATE:
                add_certificate(&m);
                break;
        case PKCS11_KIND_PRIVATE_KEY:
                add_private_key(&m);
                break;
        case PKCS11_KIND_PUBLIC_KEY:
                add_public_key(&m);
                break;
        }
        return m.failed || m.own.failed ? -E2BIG : 0;
}

/* --- Looking at them --- */

const Pkcs11Attribute *pkcs11_object_attribute(const Pkcs11Object *o, uint32_t type) {
        for (size_t i = 0; i < o->n; i++)
                if (o->attributes[i].type == type)
                        return &o->attributes[i];
        return NULL;
}

bool pkcs11_object_is_secret(const Pkcs11Object *o, uint32_t type) {
        if (o->kind != PKCS11_KIND_PRIVATE_KEY)
                return false;
        return o->key_type == KEY_TYPE_RSA ? type >= CKA_PRIVATE_EXPONENT && type <= CKA_COEFFICIENT :
                                             type == CKA_VALUE;
}

bool pkcs11_object_matches(const Pkcs11Object *o, const Pkcs11Template *t) {
        if (t->unmatchable || t->too_many)
                return false;
        for (size_t i = 0; i < t->n; i++) {
                const Pkcs11Attribute *a = pkcs11_object_attribute(o, t->items[i].type);
                if (!a || !view_equal(a->value, t->items[i].value))
                        return false;
        }
        return true;
}

size_t pkcs11_object_size(const Pkcs11Object *o) {
        size_t n = 0;

        for (size_t i = 0; i < o->n; i++)
                n += o->attributes[i].value.size;
        return n;
}
