/* SPDX-License-Identifier: MIT */
#include "protocol/ak-certificate.h"

#include "protocol/der.h"

#define URN_PREFIX "urn:ek:sha256:"
#define NAME_ENCODED_MAX (DEVICE_NAME_MAX + 32U)      /* bytes of one permanentIdentifier */
#define ATTRIBUTE_ENCODED_MAX (TPM_DATA_TEXT_MAX + 32U)
#define SAN_ENCODED_MAX 2048U
_Static_assert(DEVICE_NAMES_MAX * NAME_ENCODED_MAX + 3 * ATTRIBUTE_ENCODED_MAX + 128 <= SAN_ENCODED_MAX,
               "a device with every name has room");

void ak_certificate_serial(uint8_t serial[static AK_SERIAL_SIZE]) {
        serial[0] &= 0x7f;
        if (serial[0] == 0)
                serial[0] = 1;
}

int ak_certificate_validity(int64_t now, int64_t lifetime, int64_t issuer_not_after, int64_t *ret_not_before,
                            int64_t *ret_not_after) {
        if (lifetime <= 0 || lifetime > AK_LIFETIME_MAX || now < AK_CERTIFICATE_BACKDATE ||
            now > INT64_MAX - AK_LIFETIME_MAX)
                return -EINVAL;
        if (issuer_not_after <= now)
                return -ESTALE;

        *ret_not_before = now - AK_CERTIFICATE_BACKDATE;
        *ret_not_after = MIN_OF(now + lifetime, issuer_not_after);
        return 0;
}

/* RFC 4043: otherName { id-on-permanentIdentifier, [0] SEQUENCE { identifierValue UTF8String } } */
static void write_name(ByteWriter *w, const char *name) {
        /* 1.3.6.1.5.5.7.8.3 */
        static const uint8_t oid[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x03 };
        uint8_t a[NAME_ENCODED_MAX], b[NAME_ENCODED_MAX], c[NAME_ENCODED_MAX];
        ByteWriter text = WRITER(a, sizeof(a)), sequence = WRITER(b, sizeof(b));
        ByteWriter other = WRITER(c, sizeof(c));

        write_der(&text, DER_UTF8_STRING, VIEW_STR(name));
        write_der(&sequence, DER_SEQUENCE, writer_view(&text));
        write_der(&other, DER_OID, VIEW_ARRAY(oid));
        write_der(&other, DER_CONTEXT_CONSTRUCTED(0), writer_view(&sequence));
        write_der(w, DER_CONTEXT_CONSTRUCTED(0), writer_view(&other));
}

static int write_urn(ByteWriter *w, const uint8_t hash[static 32]) {
        _cleanup_free_ char *text = NULL;
        char urn[sizeof(URN_PREFIX) + 44];

        int r = base64_encode(VIEW(hash, 32), &text);
        if (r < 0)
                return r;
        strcpy(stpcpy(urn, URN_PREFIX), text);
        write_der(w, DER_CONTEXT(6), VIEW_STR(urn));
        return 0;
}

/* One RDN of one attribute. TCG EK Credential Profile: tpmManufacturer 1, tpmModel 2, tpmVersion 3 */
static void write_attribute(ByteWriter *w, uint8_t number, const char *value) {
        const uint8_t oid[] = { 0x67, 0x81, 0x05, 0x02, number }; /* 2.23.133.2.number */
        uint8_t a[ATTRIBUTE_ENCODED_MAX], b[ATTRIBUTE_ENCODED_MAX];
        ByteWriter attribute = WRITER(a, sizeof(a)), sequence = WRITER(b, sizeof(b));

        write_der(&attribute, DER_OID, VIEW_ARRAY(oid));
        write_der(&attribute, DER_UTF8_STRING, VIEW_STR(value));
        write_der(&sequence, DER_SEQUENCE, writer_view(&attribute));
        write_der(w, DER_SET, writer_view(&sequence));
}

static void write_tpm(ByteWriter *w, const TpmData *tpm) {
        uint8_t a[3 * ATTRIBUTE_ENCODED_MAX], b[3 * ATTRIBUTE_ENCODED_MAX + 8];
        ByteWriter rdns = WRITER(a, sizeof(a)), name = WRITER(b, sizeof(b));

        write_attribute(&rdns, 1, tpm->manufacturer);
        write_attribute(&rdns, 2, tpm->model);
        write_attribute(&rdns, 3, tpm->version);
        write_der(&name, DER_SEQUENCE, writer_view(&rdns));
        write_der(w, DER_CONTEXT_CONSTRUCTED(4), writer_view(&name));
}

/* A device without names is called by its EK hash, which no other can have for a name. */
static bool name_fits(const char *name, const uint8_t ek_hash[static 32]) {
        char hash[DEVICE_HASH_TEXT + 1];

        device_hash_format(ek_hash, hash);
        return device_name_valid(name) || strcmp(name, hash) == 0;
}

static int write_names(ByteWriter *w, const AkCertificate *c) {
        size_t n = 0;

        for (const char *const *name = c->names; name && *name; name++) {
                if (++n > DEVICE_NAMES_MAX || !name_fits(*name, c->ek_hash))
                        return -EINVAL;
                write_name(w, *name);
        }
        /* Without one step-ca lets this AK order any name. */
        return n > 0 || c->any_name ? 0 : -EINVAL;
}

int ak_certificate_san(const AkCertificate *c, Bytes *ret) {
        uint8_t a[SAN_ENCODED_MAX], b[SAN_ENCODED_MAX + 8];
        ByteWriter names = WRITER(a, sizeof(a)), san = WRITER(b, sizeof(b));

        if (!c->tpm.manufacturer[0] || !c->tpm.model[0] || !c->tpm.version[0])
                return -EINVAL;

        int r = write_names(&names, c);
        if (r < 0)
                return r;
        r = write_urn(&names, c->ek_hash);
        if (r < 0)
                return r;
        write_tpm(&names, &c->tpm);
        write_der(&san, DER_SEQUENCE, writer_view(&names));
        if (names.failed || san.failed)
                return -EINVAL;
        return bytes_copy(writer_view(&san), ret);
}
