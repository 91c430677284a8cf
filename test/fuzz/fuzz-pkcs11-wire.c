/* SPDX-License-Identifier: MIT */
/* One frame: its readers, whatever its signature says, must end within it, and what they find keep to the limits. */
#include "fuzz.h"
#include "protocol/pkcs11-wire.h"

static void check_view(ByteView v, ByteView within) {
        if (v.size > 0 && (v.data < within.data || v.data + v.size > within.data + within.size))
                abort();
}

static void read_data(Pkcs11Reader *r, ByteView frame) {
        Pkcs11Data d = pkcs11_read_data(r);

        if (!d.null)
                check_view(VIEW(d.data, d.size), frame);
        else if (d.data)
                abort();
}

static void read_template(Pkcs11Reader *r, ByteView frame) {
        Pkcs11Template t;

        pkcs11_read_template(r, &t);
        if (t.n > PKCS11_TEMPLATE_MAX)
                abort();
        for (size_t i = 0; i < t.n && !r->bytes.failed; i++)
                check_view(t.items[i].value, frame);
}

static void read_wanted(Pkcs11Reader *r) {
        Pkcs11WantedList list;

        pkcs11_read_wanted(r, &list);
        if (list.n > PKCS11_TEMPLATE_MAX)
                abort();
}

static void read_mechanism(Pkcs11Reader *r, ByteView frame) {
        Pkcs11Mechanism m = {};

        pkcs11_read_mechanism(r, &m);
        check_view(m.label, frame);
        if (m.cancel && m.parameter)
                abort();
}

/* The arguments that the request's own signature names. */
static void read_arguments(const Pkcs11Request *q, ByteView frame) {
        char signature[PKCS11_SIGNATURE_MAX + 1] = {};

        if (q->signature.size > 0)
                memcpy(signature, q->signature.data, q->signature.size);
        if (strlen(signature) != q->signature.size)
                return;

        Pkcs11Reader r = pkcs11_request_arguments(q, signature);
        while (*r.signature && !r.bytes.failed) {
                const char *at = r.signature;
                if (at[0] == 'y')
                        (void) pkcs11_read_byte(&r);
                else if (at[0] == 'u')
                        (void) pkcs11_read_ulong(&r);
                else if (at[0] == 'M')
                        read_mechanism(&r, frame);
                else if (at[0] == 'a' && at[1] == 'A')
                        read_template(&r, frame);
                else if (at[0] == 'a')
                        read_data(&r, frame);
                else if (at[0] == 'f' && at[1] == 'A')
                        read_wanted(&r);
                else
                        (void) pkcs11_read_room(&r);
                if (!r.bytes.failed && r.signature == at)
                        abort();
        }
        (void) pkcs11_reader_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ByteView input = VIEW(data, size);
        Pkcs11Request q;
        size_t n;

        if (pkcs11_frame_size(input, &n) < 0 || n > size)
                return 0;
        if (n < PKCS11_FRAME_HEADER || n > PKCS11_FRAME_MAX)
                abort();
        input.size = n;
        if (pkcs11_request_read(input, &q) < 0)
                return 0;
        check_view(q.arguments, input);
        read_arguments(&q, input);
        return 0;
}
