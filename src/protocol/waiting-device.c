/* SPDX-License-Identifier: MIT */
#include "protocol/waiting-device.h"

#include "protocol/utf8.h"

#define WAITING_VERSION 1U

static void write_text(ByteWriter *w, const char *text, size_t size) {
        size_t n = strnlen(text, size - 1);

        write_u16(w, (uint16_t) n);
        write_bytes(w, text, n);
}

static void read_text(ByteReader *r, char *ret, size_t size) {
        ByteView v = read_view(r, read_u16(r));

        if (r->failed || v.size >= size || (v.size > 0 && memchr(v.data, 0, v.size)) || !utf8_valid(v)) {
                r->failed = true;
                return;
        }
        if (v.size > 0)
                memcpy(ret, v.data, v.size);
        ret[v.size] = 0;
}

int waiting_record_encode(ByteView key, const WaitingDevice *d, uint8_t ret[static WAITING_RECORD_MAX]) {
        ByteWriter w = WRITER(ret, WAITING_RECORD_MAX);

        write_u8(&w, WAITING_VERSION);
        write_bytes(&w, d->ek_hash, sizeof(d->ek_hash));
        write_u64(&w, (uint64_t) d->first);
        write_u64(&w, (uint64_t) d->last);
        write_u8(&w, (uint8_t) d->evidence);
        write_u8(&w, d->removed);
        write_text(&w, d->tpm.manufacturer, sizeof(d->tpm.manufacturer));
        write_text(&w, d->tpm.model, sizeof(d->tpm.model));
        write_text(&w, d->tpm.version, sizeof(d->tpm.version));
        write_text(&w, d->issuer, sizeof(d->issuer));
        write_text(&w, d->peer, sizeof(d->peer));
        int r = record_seal(key, &w);
        return r < 0 ? r : (int) w.size;
}

int waiting_record_decode(ByteView key, ByteView record, WaitingDevice *ret) {
        WaitingDevice d = {};
        ByteView body;

        int r = record_unseal(key, record, &body);
        if (r < 0)
                return r;
        ByteReader in = READER(body);
        if (read_u8(&in) != WAITING_VERSION)
                return -EBADMSG;
        read_into(&in, d.ek_hash, sizeof(d.ek_hash));
        d.first = (int64_t) read_u64(&in);
        d.last = (int64_t) read_u64(&in);
        uint8_t evidence = read_u8(&in), removed = read_u8(&in);
        read_text(&in, d.tpm.manufacturer, sizeof(d.tpm.manufacturer));
        read_text(&in, d.tpm.model, sizeof(d.tpm.model));
        read_text(&in, d.tpm.version, sizeof(d.tpm.version));
        read_text(&in, d.issuer, sizeof(d.issuer));
        read_text(&in, d.peer, sizeof(d.peer));
        if (!reader_done(&in) || evidence > EK_EVIDENCE_TRUSTED || removed > 1)
                return -EBADMSG;
        d.evidence = (EkEvidence) evidence;
        d.removed = removed;
        *ret = d;
        return 0;
}
