/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-wire.h"

#include "protocol/pkcs11-constants.h"
#include "protocol/pkcs11-form.h"

int pkcs11_frame_size(ByteView input, size_t *ret) {
        ByteReader r = READER(input);

        if (input.size < PKCS11_FRAME_HEADER)
                return -EAGAIN;
        uint32_t code = read_u32(&r), options = read_u32(&r), body = read_u32(&r);
        if (code == 0 || options > PKCS11_FRAME_MAX || body > PKCS11_FRAME_MAX ||
            PKCS11_FRAME_HEADER + options + body > PKCS11_FRAME_MAX)
                return -EBADMSG;
        *ret = PKCS11_FRAME_HEADER + (size_t) options + body;
        return 0;
}

/* --- Requests --- */

/* NULL is an empty one. */
static ByteView read_counted(ByteReader *r) {
        uint32_t n = read_u32(r);

        return n == PKCS11_NULL ? VIEW_NULL : read_view(r, n);
}

int pkcs11_request_read(ByteView frame, Pkcs11Request *ret) {
        size_t size;

        if (pkcs11_frame_size(frame, &size) < 0 || size != frame.size)
                return -EBADMSG;

        ByteReader r = READER(frame);
        Pkcs11Request q = { .code = read_u32(&r) };
        uint32_t options = read_u32(&r);
        (void) read_u32(&r);
        (void) read_view(&r, options); /* the client's name, which is its own business */
        q.call = read_u32(&r);
        q.signature = read_counted(&r);
        q.arguments = read_view(&r, r.left);
        if (!reader_done(&r) || q.signature.size > PKCS11_SIGNATURE_MAX)
                return -EBADMSG;
        *ret = q;
        return 0;
}

Pkcs11Reader pkcs11_request_arguments(const Pkcs11Request *q, const char *signature) {
        Pkcs11Reader r = { .bytes = READER(q->arguments), .signature = signature };

        r.bytes.failed = !view_equal(q->signature, VIEW_STR(signature));
        return r;
}

bool pkcs11_reader_done(const Pkcs11Reader *r) {
        return reader_done(&r->bytes) && *r->signature == 0;
}

static void expect(Pkcs11Reader *r, const char *letters) {
        if (!pkcs11_skip_letters(&r->signature, letters))
                r->bytes.failed = true;
}

uint8_t pkcs11_read_byte(Pkcs11Reader *r) {
        expect(r, "y");
        return read_u8(&r->bytes);
}

uint64_t pkcs11_read_ulong(Pkcs11Reader *r) {
        expect(r, "u");
        return read_u64(&r->bytes);
}

Pkcs11Data pkcs11_read_data(Pkcs11Reader *r) {
        Pkcs11Data d = {};

        expect(r, "ay");
        uint8_t valid = read_u8(&r->bytes);
        d.size = read_u32(&r->bytes);
        if (valid > 1)
                r->bytes.failed = true;
        d.null = valid != 1 || d.size == PKCS11_NULL;
        if (valid == 1 && d.null)
                d.size = 0;
        if (!d.null)
                d.data = read_view(&r->bytes, d.size).data;
        return r->bytes.failed ? (Pkcs11Data) { .null = true } : d;
}

uint32_t pkcs11_read_room(Pkcs11Reader *r) {
        expect(r, r->signature[0] == 'f' && r->signature[1] == 'u' ? "fu" : "fy");
        uint32_t room = read_u32(&r->bytes);
        return room == PKCS11_NULL ? 0 : room;
}

/* --- Attributes --- */

/* Attributes of vendors and of times to come: clients may know an encoding for them that we do not, and no object
 * here has one. */
static bool is_foreign(uint32_t type) {
        return type > CKA_MECHANISM_TYPE && type != CKA_ALLOWED_MECHANISMS;
}

static ByteView read_value(ByteReader *r, Pkcs11Form form) {
        uint32_t n;

        switch (form) {
        case PKCS11_FORM_BYTE:
                return read_view(r, 1);
        case PKCS11_FORM_ULONG:
                return read_view(r, 8);
        case PKCS11_FORM_MECHANISMS:
                n = read_u32(r);
                return read_view(r, 8 * (size_t) n);
        default:
                return read_counted(r);
        }
}

void pkcs11_read_template(Pkcs11Reader *r, Pkcs11Template *ret) {
        ret->n = 0;
        ret->too_many = ret->unmatchable = false;
        expect(r, "aA");
        uint32_t n = read_u32(&r->bytes);
        if (n > PKCS11_TEMPLATE_MAX) {
                ret->too_many = true;
                return;
        }
        for (uint32_t i = 0; i < n && !r->bytes.failed; i++) {
                Pkcs11Attribute *a = &ret->items[ret->n];
                a->type = read_u32(&r->bytes);
                if (read_u8(&r->bytes) != 1 || is_foreign(a->type)) {
                        ret->unmatchable = !r->bytes.failed;
                        (void) read_view(&r->bytes, r->bytes.left);
                        return;
                }
                (void) read_u32(&r->bytes); /* ulValueLen: the value has a size of its own */
                a->value = read_value(&r->bytes, pkcs11_attribute_form(a->type));
                ret->n++;
        }
}

/* What is wanted of the attributes in an attribute: clients since 0.25.4 send a list where older ones send
 * nothing. n of the outer list are still to come. No recursion: left[] counts what each level still holds. */
static void skip_nested(Pkcs11Reader *r, uint32_t n, Pkcs11WantedList *list) {
        uint32_t left[PKCS11_NESTING_MAX];
        size_t depth = 0, total = list->n;

        if (r->bytes.left == 8 * (size_t) n)
                return;
        left[depth++] = read_u32(&r->bytes);
        while (depth > 0 && !r->bytes.failed) {
                if (left[depth - 1] == 0) {
                        depth--;
                        continue;
                }
                left[depth - 1]--;
                if (++total > PKCS11_TEMPLATE_MAX) {
                        list->too_many = true;
                        return;
                }
                uint32_t type = read_u32(&r->bytes), room = read_u32(&r->bytes);
                if (pkcs11_attribute_form(type) != PKCS11_FORM_TEMPLATE || room == 0)
                        continue;
                if (depth == ELEMENTSOF(left)) {
                        list->too_many = true;
                        return;
                }
                left[depth++] = read_u32(&r->bytes);
        }
}

void pkcs11_read_wanted(Pkcs11Reader *r, Pkcs11WantedList *ret) {
        ret->n = 0;
        ret->too_many = false;
        expect(r, "fA");
        uint32_t n = read_u32(&r->bytes);
        if (n > PKCS11_TEMPLATE_MAX) {
                ret->too_many = true;
                return;
        }
        while (ret->n < n && !r->bytes.failed && !ret->too_many) {
                Pkcs11Wanted *a = &ret->items[ret->n++];
                a->type = read_u32(&r->bytes);
                a->room = read_u32(&r->bytes);
                if (pkcs11_attribute_form(a->type) == PKCS11_FORM_TEMPLATE && a->room > 0)
                        skip_nested(r, n - (uint32_t) ret->n, ret);
        }
}

/* --- Mechanisms --- */

static void read_parameter(ByteReader *r, size_t size, Pkcs11Mechanism *m) {
        switch (m->type) {
        case CKM_RSA_PKCS_PSS:
        case CKM_SHA1_RSA_PKCS_PSS:
        case CKM_SHA224_RSA_PKCS_PSS:
        case CKM_SHA256_RSA_PKCS_PSS:
        case CKM_SHA384_RSA_PKCS_PSS:
        case CKM_SHA512_RSA_PKCS_PSS:
                m->hash = read_u64(r);
                m->mgf = read_u64(r);
                m->salt = read_u64(r);
                return;
        case CKM_RSA_PKCS_OAEP:
                m->hash = read_u64(r);
                m->mgf = read_u64(r);
                m->source = read_u64(r);
                m->label = read_counted(r);
                return;
        default:
                m->unknown = true;
                (void) read_view(r, size);
        }
}

/* Three encodings, which no version tells apart: up to 0.25.5 a mechanism without parameter has 0xffffffff in its
 * place and one with it has it at once; since 0.25.6 the former has nothing and the latter a byte before it that
 * says whether there is one; and 0xffffffff alone is NULL. As 8 bytes follow, the size of what is left decides,
 * and where it does not, the first byte: the older encoding begins with the top byte of a CK_ULONG, which is 0. */
void pkcs11_read_mechanism(Pkcs11Reader *r, Pkcs11Mechanism *ret) {
        Pkcs11Mechanism m = {};

        expect(r, "M");
        m.type = read_u32(&r->bytes);
        if (r->bytes.failed || r->bytes.left < 8) {
                r->bytes.failed = true;
                return;
        }
        size_t size = r->bytes.left - 8;
        ByteReader inside = READER(read_view(&r->bytes, size)), peek = inside;
        if (size == 0)
                m.cancel = m.type == UINT32_MAX;
        else if (size == 4 && read_u32(&peek) == UINT32_MAX)
                (void) read_u32(&inside);
        else if (size == 1)
                inside.failed = read_u8(&inside) != 0;
        else {
                m.parameter = true;
                if (*inside.at == 1) {
                        (void) read_u8(&inside);
                        size--;
                } else if (*inside.at != 0)
                        inside.failed = true;
                read_parameter(&inside, size, &m);
        }
        if (!reader_done(&inside))
                r->bytes.failed = true;
        else
                *ret = m;
}
