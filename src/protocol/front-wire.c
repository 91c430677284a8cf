/* SPDX-License-Identifier: MIT */
#include "protocol/front-wire.h"
#include "protocol/utf8.h"

/* --- Parts --- */

static bool all_zero(ByteView v) {
        for (size_t i = 0; i < v.size; i++)
                if (v.data[i] != 0)
                        return false;
        return true;
}

static void write_key(ByteWriter *w, const PublicKey *k) {
        size_t size = MIN_OF(k->size, k->type == KEY_TYPE_RSA ? sizeof(k->n) : sizeof(k->x));

        write_u8(w, (uint8_t) k->type);
        write_u16(w, k->size);
        write_u32(w, k->exponent);
        if (k->type == KEY_TYPE_RSA)
                write_bytes(w, k->n, size);
        else {
                write_bytes(w, k->x, size);
                write_bytes(w, k->y, size);
                size *= 2;
        }
        write_zeros(w, sizeof(k->n) - size);
}

static bool read_key(ByteReader *r, PublicKey *ret) {
        PublicKey k = {};
        ByteReader number;
        ByteView field;

        k.type = (KeyType) read_u8(r);
        k.size = read_u16(r);
        k.exponent = read_u32(r);
        field = read_view(r, sizeof(k.n));
        number = READER(field);
        if (k.size > (k.type == KEY_TYPE_RSA ? sizeof(k.n) : sizeof(k.x)))
                return false;
        if (k.type == KEY_TYPE_RSA)
                read_into(&number, k.n, k.size);
        else {
                read_into(&number, k.x, k.size);
                read_into(&number, k.y, k.size);
        }
        if (number.failed || !all_zero(VIEW(number.at, number.left)) || !public_key_valid(&k))
                return false;
        *ret = k;
        return true;
}

/* Texts: the field's size is fixed, what follows the NUL is NULs. */
static void write_text(ByteWriter *w, const char *text, size_t size) {
        size_t n = strnlen(text, size - 1);

        write_bytes(w, text, n);
        write_zeros(w, size - n);
}

static bool read_text(ByteReader *r, char *ret, size_t size) {
        ByteView v = read_view(r, size);
        const uint8_t *nul = v.data ? memchr(v.data, 0, v.size) : NULL;

        if (!nul || !all_zero(VIEW(nul, (size_t) (v.data + v.size - nul))))
                return false;
        memcpy(ret, v.data, size);
        return true;
}

static bool text_empty(const char *text) {
        return text[0] == 0;
}

/* Goes into certificates: what TpmData promises is not taken on the front's word. */
static bool read_tpm_text(ByteReader *r, char ret[static TPM_DATA_TEXT_MAX]) {
        if (!read_text(r, ret, TPM_DATA_TEXT_MAX) || !utf8_valid(VIEW_STR(ret)))
                return false;
        for (const char *p = ret; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return false;
        return true;
}

static bool read_tpm(ByteReader *r, TpmData *ret) {
        return read_tpm_text(r, ret->manufacturer) && read_tpm_text(r, ret->model) && read_tpm_text(r, ret->version);
}

/* Up to max bytes in a field of fixed size, their number first. */
static void write_sized(ByteWriter *w, const uint8_t *data, size_t size, size_t max) {
        if (size > max) {
                w->failed = true;
                return;
        }
        write_u16(w, (uint16_t) size);
        write_bytes(w, data, size);
        write_zeros(w, max - size);
}

static bool read_sized(ByteReader *r, uint8_t *ret, size_t max, uint16_t *ret_size) {
        uint16_t size = read_u16(r);
        ByteView field = read_view(r, max);

        if (r->failed || size > max)
                return false;
        memcpy(ret, field.data, size);
        *ret_size = size;
        return all_zero(VIEW(field.data + size, max - size));
}

/* --- Messages --- */

static void write_attest(ByteWriter *w, const FrontAttest *m) {
        write_key(w, &m->ek);
        write_key(w, &m->ak);
        write_u8(w, (uint8_t) m->evidence);
        write_text(w, m->tpm.manufacturer, sizeof(m->tpm.manufacturer));
        write_text(w, m->tpm.model, sizeof(m->tpm.model));
        write_text(w, m->tpm.version, sizeof(m->tpm.version));
        write_text(w, m->issuer, sizeof(m->issuer));
        write_text(w, m->peer, sizeof(m->peer));
}

static bool read_attest(ByteReader *r, FrontAttest *m) {
        uint8_t evidence;

        if (!read_key(r, &m->ek) || !read_key(r, &m->ak))
                return false;
        evidence = read_u8(r);
        if (evidence > EK_EVIDENCE_TRUSTED || !read_tpm(r, &m->tpm) ||
            !read_text(r, m->issuer, sizeof(m->issuer)) || !read_text(r, m->peer, sizeof(m->peer)))
                return false;
        m->evidence = (EkEvidence) evidence;

        /* Each belongs to one kind of evidence. */
        bool no_tpm = text_empty(m->tpm.manufacturer) && text_empty(m->tpm.model) && text_empty(m->tpm.version);
        return (no_tpm || m->evidence == EK_EVIDENCE_TRUSTED) &&
               (text_empty(m->issuer) || m->evidence == EK_EVIDENCE_UNTRUSTED);
}

static void write_secret(ByteWriter *w, const FrontSecret *m) {
        write_bytes(w, m->secret, sizeof(m->secret));
        write_text(w, m->peer, sizeof(m->peer));
}

static bool read_secret(ByteReader *r, FrontSecret *m) {
        read_into(r, m->secret, sizeof(m->secret));
        return read_text(r, m->peer, sizeof(m->peer));
}

static bool read_status(ByteReader *r, FrontStatus *ret) {
        uint8_t status = read_u8(r);

        if (status >= _FRONT_STATUS_MAX)
                return false;
        *ret = (FrontStatus) status;
        return true;
}

static void write_attest_reply(ByteWriter *w, const FrontAttestReply *m) {
        const Credential *c = &m->credential;
        bool ok = m->status == FRONT_OK;

        write_u8(w, (uint8_t) m->status);
        write_sized(w, c->id_object, ok ? c->id_object_size : 0, sizeof(c->id_object));
        write_sized(w, c->encrypted_secret, ok ? c->encrypted_secret_size : 0, sizeof(c->encrypted_secret));
}

/* A success has its contents, anything else has none. */
static bool read_attest_reply(ByteReader *r, FrontAttestReply *m) {
        Credential *c = &m->credential;

        if (!read_status(r, &m->status) ||
            !read_sized(r, c->id_object, sizeof(c->id_object), &c->id_object_size) ||
            !read_sized(r, c->encrypted_secret, sizeof(c->encrypted_secret), &c->encrypted_secret_size))
                return false;
        return (c->id_object_size > 0) == (m->status == FRONT_OK) &&
               (c->encrypted_secret_size > 0) == (m->status == FRONT_OK);
}

bool front_status_is_proof(FrontStatus s) {
        return s == FRONT_OK || s == FRONT_WAITING;
}

static void write_secret_reply(ByteWriter *w, const FrontSecretReply *m) {
        unsigned n = m->status == FRONT_OK ? m->n_chain : 0;

        if (n > FRONT_CHAIN_MAX) {
                w->failed = true;
                return;
        }
        write_u8(w, (uint8_t) m->status);
        write_u8(w, (uint8_t) n);
        if (front_status_is_proof(m->status))
                write_bytes(w, m->ek_hash, sizeof(m->ek_hash));
        else
                write_zeros(w, sizeof(m->ek_hash));
        for (unsigned i = 0; i < FRONT_CHAIN_MAX; i++)
                write_sized(w, m->chain[i].der, i < n ? m->chain[i].size : 0, sizeof(m->chain[i].der));
}

static bool read_secret_reply(ByteReader *r, FrontSecretReply *m) {
        if (!read_status(r, &m->status))
                return false;
        m->n_chain = read_u8(r);
        if (m->n_chain > FRONT_CHAIN_MAX || (m->n_chain > 0) != (m->status == FRONT_OK))
                return false;
        read_into(r, m->ek_hash, sizeof(m->ek_hash));
        if (!front_status_is_proof(m->status) && !all_zero(VIEW_ARRAY(m->ek_hash)))
                return false;
        for (unsigned i = 0; i < FRONT_CHAIN_MAX; i++)
                if (!read_sized(r, m->chain[i].der, sizeof(m->chain[i].der), &m->chain[i].size) ||
                    (m->chain[i].size > 0) != (i < m->n_chain))
                        return false;
        return true;
}

static void write_name(ByteWriter *w, const FrontName *m) {
        write_text(w, m->name, sizeof(m->name));
        write_text(w, m->peer, sizeof(m->peer));
}

static bool read_name(ByteReader *r, FrontName *m) {
        return read_text(r, m->name, sizeof(m->name)) && read_text(r, m->peer, sizeof(m->peer)) && !text_empty(m->name);
}

/* --- Packets --- */

static void write_body(ByteWriter *w, const FrontMessage *m) {
        switch (m->type) {

        case FRONT_ATTEST:
                write_attest(w, &m->attest);
                break;
        case FRONT_SECRET:
                write_secret(w, &m->secret);
                break;
        case FRONT_ATTEST_REPLY:
                write_attest_reply(w, &m->attest_reply);
                break;
        case FRONT_SECRET_REPLY:
                write_secret_reply(w, &m->secret_reply);
                break;
        case FRONT_NAME:
                write_name(w, &m->name);
                break;
        case FRONT_NAME_REPLY:
                write_u8(w, (uint8_t) m->name_reply.status);
                break;
        case FRONT_CHANGED:
                break;
        default:
                w->failed = true;
        }
}

int front_message_encode(const FrontMessage *m, uint8_t ret[static FRONT_MESSAGE_MAX]) {
        uint8_t packet[FRONT_MESSAGE_MAX];
        ByteWriter w = WRITER(packet, sizeof(packet));

        write_u8(&w, FRONT_WIRE_VERSION);
        write_u8(&w, (uint8_t) m->type);
        write_u64(&w, m->id);
        write_body(&w, m);
        if (w.failed)
                return -E2BIG;
        memcpy(ret, packet, w.size);
        return (int) w.size;
}

static bool read_body(ByteReader *r, FrontMessage *m) {
        switch (m->type) {

        case FRONT_ATTEST:
                return read_attest(r, &m->attest);
        case FRONT_SECRET:
                return read_secret(r, &m->secret);
        case FRONT_ATTEST_REPLY:
                return read_attest_reply(r, &m->attest_reply);
        case FRONT_SECRET_REPLY:
                return read_secret_reply(r, &m->secret_reply);
        case FRONT_NAME:
                return read_name(r, &m->name);
        case FRONT_NAME_REPLY:
                return read_status(r, &m->name_reply.status);
        case FRONT_CHANGED:
                return m->id == 0;
        default:
                return false;
        }
}

int front_message_decode(ByteView packet, FrontMessage *ret) {
        ByteReader r = READER(packet);
        FrontMessage m = {};

        if (read_u8(&r) != FRONT_WIRE_VERSION)
                return -EBADMSG;
        m.type = (FrontMessageType) read_u8(&r);
        m.id = read_u64(&r);
        if (!read_body(&r, &m) || !reader_done(&r))
                return -EBADMSG;
        *ret = m;
        return 0;
}
