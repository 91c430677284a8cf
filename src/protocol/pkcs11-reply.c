/* SPDX-License-Identifier: MIT */
/* pkcs11-wire's other half: what we write. */
#include "protocol/pkcs11-form.h"
#include "protocol/pkcs11-wire.h"

#define REPLY_FIRST_SIZE 512U

void pkcs11_writer_done(Pkcs11Writer *w) {
        Bytes b = { .data = w->bytes.data, .size = w->bytes.capacity };

        bytes_erase(&b);
        *w = (Pkcs11Writer) {};
}

/* Room for n bytes more. Not realloc(): what was decrypted may be in there. */
static bool reserve(Pkcs11Writer *w, size_t n) {
        ByteWriter *b = &w->bytes;

        if (w->error == 0 && n > PKCS11_REPLY_MAX - b->size)
                w->error = -E2BIG;
        if (w->error < 0)
                return false;
        if (n <= b->capacity - b->size)
                return true;

        size_t capacity = MIN_OF(MAX_OF(2 * b->capacity, MAX_OF(b->size + n, (size_t) REPLY_FIRST_SIZE)),
                                 (size_t) PKCS11_REPLY_MAX);
        uint8_t *p = malloc(capacity);
        if (!p) {
                w->error = -ENOMEM;
                return false;
        }
        if (b->size > 0)
                memcpy(p, b->data, b->size);
        Bytes old = { .data = b->data, .size = b->size };
        bytes_erase(&old);
        b->data = p;
        b->capacity = capacity;
        return true;
}

/* The next argument, of at most n bytes. */
static bool begin(Pkcs11Writer *w, const char *letters, size_t n) {
        if (w->error == 0 && !pkcs11_skip_letters(&w->signature, letters))
                w->error = -EPROTO;
        return reserve(w, n);
}

void pkcs11_reply_begin(Pkcs11Writer *w, uint32_t code, uint32_t call, const char *signature) {
        size_t n = strlen(signature);

        *w = (Pkcs11Writer) { .signature = signature };
        if (!reserve(w, PKCS11_FRAME_HEADER + 8 + n))
                return;
        write_u32(&w->bytes, code);
        write_u32(&w->bytes, 0); /* options */
        write_u32(&w->bytes, 0); /* size of the body: pkcs11_reply_end() */
        write_u32(&w->bytes, call);
        write_u32(&w->bytes, (uint32_t) n);
        write_bytes(&w->bytes, signature, n);
}

int pkcs11_reply_end(Pkcs11Writer *w, Bytes *ret) {
        if (w->error == 0 && (*w->signature != 0 || w->bytes.failed))
                w->error = -EPROTO;
        if (w->error < 0)
                return w->error;

        ByteWriter size = WRITER(w->bytes.data + 8, 4);
        write_u32(&size, (uint32_t) (w->bytes.size - PKCS11_FRAME_HEADER));
        *ret = (Bytes) { .data = w->bytes.data, .size = w->bytes.size };
        *w = (Pkcs11Writer) {};
        return 0;
}

int pkcs11_error_reply(uint32_t code, uint32_t rv, Bytes *ret) {
        _cleanup_pkcs11_writer_ Pkcs11Writer w = {};

        pkcs11_reply_begin(&w, code, 0, "u");
        pkcs11_write_ulong(&w, rv);
        return pkcs11_reply_end(&w, ret);
}

void pkcs11_write_byte(Pkcs11Writer *w, uint8_t v) {
        if (begin(w, "y", 1))
                write_u8(&w->bytes, v);
}

void pkcs11_write_ulong(Pkcs11Writer *w, uint64_t v) {
        if (begin(w, "u", 8))
                write_u64(&w->bytes, v);
}

void pkcs11_write_version(Pkcs11Writer *w, uint8_t major, uint8_t minor) {
        if (!begin(w, "v", 2))
                return;
        write_u8(&w->bytes, major);
        write_u8(&w->bytes, minor);
}

void pkcs11_write_text(Pkcs11Writer *w, const char *text, size_t size) {
        size_t n = strnlen(text, size);

        if (!begin(w, "s", 4 + size))
                return;
        write_u32(&w->bytes, (uint32_t) size);
        write_bytes(&w->bytes, text, n);
        for (; n < size; n++)
                write_u8(&w->bytes, ' ');
}

void pkcs11_write_data(Pkcs11Writer *w, ByteView v) {
        if (!begin(w, "ay", 5 + v.size))
                return;
        write_u8(&w->bytes, 1);
        write_u32(&w->bytes, (uint32_t) v.size);
        write_view(&w->bytes, v);
}

void pkcs11_write_data_size(Pkcs11Writer *w, uint32_t size) {
        if (!begin(w, "ay", 5))
                return;
        write_u8(&w->bytes, 0);
        write_u32(&w->bytes, size);
}

void pkcs11_write_ulongs(Pkcs11Writer *w, const uint32_t *v, uint32_t n) {
        if (!begin(w, "au", 5 + 8 * (size_t) n))
                return;
        write_u8(&w->bytes, 1);
        write_u32(&w->bytes, n);
        for (uint32_t i = 0; i < n; i++)
                write_u64(&w->bytes, v[i]);
}

void pkcs11_write_ulongs_count(Pkcs11Writer *w, uint32_t n) {
        if (!begin(w, "au", 5))
                return;
        write_u8(&w->bytes, 0);
        write_u32(&w->bytes, n);
}

void pkcs11_write_attributes(Pkcs11Writer *w, uint32_t n) {
        if (begin(w, "aA", 4))
                write_u32(&w->bytes, n);
}

#define ATTRIBUTE_HEAD 13U /* type, valid, ulValueLen, a count */

static bool begin_attribute(Pkcs11Writer *w, uint32_t type, bool valid, size_t n) {
        if (!reserve(w, ATTRIBUTE_HEAD + n))
                return false;
        write_u32(&w->bytes, type);
        write_u8(&w->bytes, valid);
        return true;
}

void pkcs11_write_attribute(Pkcs11Writer *w, uint32_t type, ByteView value) {
        Pkcs11Form form = pkcs11_attribute_form(type);

        if (!begin_attribute(w, type, true, value.size))
                return;
        write_u32(&w->bytes, (uint32_t) value.size);
        if (form == PKCS11_FORM_MECHANISMS)
                write_u32(&w->bytes, (uint32_t) (value.size / 8));
        else if (form != PKCS11_FORM_BYTE && form != PKCS11_FORM_ULONG)
                write_u32(&w->bytes, (uint32_t) value.size);
        write_view(&w->bytes, value);
}

/* With an empty value in the right form after it. */
void pkcs11_write_attribute_size(Pkcs11Writer *w, uint32_t type, size_t size) {
        Pkcs11Form form = pkcs11_attribute_form(type);

        if (!begin_attribute(w, type, true, 8 + size))
                return;
        write_u32(&w->bytes, (uint32_t) size);
        if (form == PKCS11_FORM_BYTE)
                write_zeros(&w->bytes, 1);
        else if (form == PKCS11_FORM_ULONG)
                write_zeros(&w->bytes, 8);
        else if (form == PKCS11_FORM_MECHANISMS) {
                write_u32(&w->bytes, (uint32_t) (size / 8)); /* clients read as many as they are told, to count them */
                write_zeros(&w->bytes, size);
        } else
                write_u32(&w->bytes, PKCS11_NULL);
}

void pkcs11_write_attribute_none(Pkcs11Writer *w, uint32_t type) {
        (void) begin_attribute(w, type, false, 0);
}
