/* SPDX-License-Identifier: MIT */
#include "protocol/trust-record.h"

#include <openssl/evp.h>
#include <stdio.h>

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END "-----END CERTIFICATE-----\n"
#define PEM_LINE 64U
#define TEXT_HEAD "# Kept by atteztd; see \"attezt ca trust list\".\n"
#define NUMBER_DIGITS_MAX 19U
#define HEAD_NUMBERS 96U /* bytes of the lines but for the source */

/* --- Folders --- */

void trust_place_enter(TrustPlace *p, const char *folder) {
        if (strcmp(folder, TRUST_FOLDER_ANCHORS) == 0)
                p->anchors = true;
        else if (strcmp(folder, TRUST_FOLDER_DISTRUSTED) == 0)
                p->distrusted = true;
        else if (!p->vendor[0])
                (void) tpm_vendor_from_name(folder, p->vendor);
}

void trust_place_format(const TrustPlace *p, char ret[static TRUST_PLACE_TEXT]) {
        if (p->distrusted)
                (void) snprintf(ret, TRUST_PLACE_TEXT, "%s/", TRUST_FOLDER_DISTRUSTED);
        else
                (void) snprintf(ret, TRUST_PLACE_TEXT, "%s%s%s", p->vendor, p->vendor[0] ? "/" : "",
                                p->anchors ? TRUST_FOLDER_ANCHORS "/" : "");
}

int trust_vendor_parse(const char *name, char ret[static TPM_VENDOR_MAX_NAME]) {
        if (!name[0]) {
                ret[0] = 0;
                return 0;
        }
        if (tpm_vendor_same(name, TRUST_FOLDER_ANCHORS) || tpm_vendor_same(name, TRUST_FOLDER_DISTRUSTED))
                return -EINVAL;
        return tpm_vendor_from_name(name, ret);
}

/* --- Files --- */

int trust_source_set(TrustRecord *r, const char *text) {
        size_t n = strlen(text);

        if (n > TRUST_SOURCE_MAX)
                return -E2BIG;
        for (size_t i = 0; i <= n; i++)
                r->source[i] = text[i] && ((unsigned char) text[i] < 0x20 || text[i] == 0x7f) ? ' ' : text[i];
        return 0;
}

static void write_base64(ByteWriter *w, const char *text) {
        for (size_t left = strlen(text); left > 0;) {
                size_t n = MIN_OF(left, (size_t) PEM_LINE);
                write_bytes(w, text, n);
                write_u8(w, '\n');
                text += n;
                left -= n;
        }
}

int trust_record_encode(const TrustRecord *r, ByteView der, Bytes *ret) {
        _cleanup_free_ char *base64 = NULL;
        char head[sizeof(TEXT_HEAD) + TRUST_SOURCE_MAX + HEAD_NUMBERS];

        int k = base64_encode(der, &base64);
        if (k < 0)
                return k;
        (void) snprintf(head, sizeof(head), TEXT_HEAD "# added: %lld\n# uid: %u\n# source: %s\n", (long long) r->added,
                        r->uid, r->source);
        size_t size = strlen(head) + 2 * strlen(base64) + sizeof(PEM_BEGIN) + sizeof(PEM_END);
        _cleanup_bytes_ Bytes b = { .data = malloc(size) };
        if (!b.data)
                return -ENOMEM;
        ByteWriter w = WRITER(b.data, size);
        write_view(&w, VIEW_STR(head));
        write_view(&w, VIEW_STR(PEM_BEGIN));
        write_base64(&w, base64);
        write_view(&w, VIEW_STR(PEM_END));
        if (w.failed)
                return -E2BIG;
        b.size = w.size;
        *ret = TAKE_BYTES(b);
        return 0;
}

/* text begins with it: what follows on this line, text goes on behind it. */
static bool take_line(ByteView *text, const char *prefix, ByteView *ret) {
        size_t n = strlen(prefix);

        if (text->size < n || memcmp(text->data, prefix, n) != 0)
                return false;
        const uint8_t *end = memchr(text->data + n, '\n', text->size - n);
        if (!end)
                return false;
        *ret = VIEW(text->data + n, (size_t) (end - text->data) - n);
        *text = VIEW(end + 1, text->size - (size_t) (end + 1 - text->data));
        return true;
}

static bool take_number(ByteView *text, const char *prefix, int64_t max, int64_t *ret) {
        ByteView digits;
        int64_t v = 0;

        if (!take_line(text, prefix, &digits) || digits.size == 0 || digits.size >= NUMBER_DIGITS_MAX)
                return false;
        for (size_t i = 0; i < digits.size; i++) {
                if (digits.data[i] < '0' || digits.data[i] > '9')
                        return false;
                v = v * 10 + (digits.data[i] - '0');
        }
        *ret = v;
        return v <= max;
}

static int take_certificate(ByteView text, Bytes *ret) {
        static const char end[] = PEM_END;
        size_t n = strlen(PEM_BEGIN), m = strlen(end), size = 0;

        if (text.size < n + m || memcmp(text.data, PEM_BEGIN, n) != 0 ||
            memcmp(text.data + text.size - m, end, m) != 0)
                return -EBADMSG;
        _cleanup_free_ char *base64 = malloc(text.size);
        if (!base64)
                return -ENOMEM;
        for (size_t i = n; i < text.size - m; i++)
                if (text.data[i] != '\n')
                        base64[size++] = (char) text.data[i];
        int r = base64_decode(base64, size, TRUST_RECORD_MAX, ret);
        return r == -ENOMEM ? r : r < 0 ? -EBADMSG : 0;
}

int trust_record_decode(ByteView text, TrustRecord *ret, Bytes *ret_der) {
        TrustRecord r = {};
        ByteView source, rest;
        int64_t uid;

        if (!take_line(&text, "# Kept by atteztd;", &rest) || !take_number(&text, "# added: ", INT64_MAX, &r.added) ||
            !take_number(&text, "# uid: ", UINT32_MAX, &uid) || !take_line(&text, "# source: ", &source) ||
            source.size > TRUST_SOURCE_MAX || memchr(source.data, 0, source.size))
                return -EBADMSG;
        int k = take_certificate(text, ret_der);
        if (k < 0)
                return k;
        r.uid = (uint32_t) uid;
        memcpy(r.source, source.data, source.size);
        *ret = r;
        return 0;
}

/* --- Fingerprints --- */

void trust_fingerprint(ByteView der, char ret[static TRUST_FINGERPRINT_TEXT + 1]) {
        uint8_t hash[TRUST_FINGERPRINT_TEXT / 2] = {};

        (void) EVP_Digest(der.data, der.size, hash, NULL, EVP_sha256(), NULL);
        hex_encode(VIEW(hash, sizeof(hash)), ret);
}

int trust_fingerprint_parse(const char *text, char ret[static TRUST_FINGERPRINT_TEXT + 1]) {
        char digits[TRUST_FINGERPRINT_TEXT + 1];
        _cleanup_bytes_ Bytes hash = BYTES_NULL;
        size_t n = 0;

        for (; *text; text++) {
                if (*text == ':')
                        continue;
                if (n == TRUST_FINGERPRINT_TEXT)
                        return -EINVAL;
                digits[n++] = *text;
        }
        if (n != TRUST_FINGERPRINT_TEXT)
                return -EINVAL;
        int r = hex_decode(digits, n, &hash);
        if (r < 0)
                return r;
        hex_encode(bytes_view(&hash), ret);
        return 0;
}
