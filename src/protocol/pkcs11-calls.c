/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-calls.h"

#define CRYPTOKI_MAJOR 2
#define CRYPTOKI_MINOR 40
#define LIBRARY_MAJOR 0
#define LIBRARY_MINOR 1

/* Sizes of CK_…_INFO's fields. */
#define MANUFACTURER_SIZE 32U
#define DESCRIPTION_SIZE 32U
#define SLOT_DESCRIPTION_SIZE 64U
#define LABEL_SIZE 32U
#define MODEL_SIZE 16U
#define UTC_TIME_SIZE 16U

#define MANUFACTURER "attezt"
#define DESCRIPTION "Attezt Attestation Agent"
#define LABEL "Attestation Trust"
#define MODEL "attezt-agent"

/* What C_Initialize of p11-kit begins with, to tell that this is the protocol. */
#define HANDSHAKE "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"

/* A list whose reader has room for that many: the list, or how long it is. */
static void write_list(Pkcs11Call *c, uint32_t room, const uint32_t *list, uint32_t n) {
        if (room < n || (n == 0 && room == 0))
                pkcs11_write_ulongs_count(&c->out, n);
        else
                pkcs11_write_ulongs(&c->out, list, n);
}

uint32_t pkcs11_call_initialize(Pkcs11Call *c) {
        Pkcs11Data handshake = pkcs11_read_data(&c->in);
        (void) pkcs11_read_byte(&c->in); /* arguments that are reserved, and their text */
        (void) pkcs11_read_data(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (handshake.null || !view_equal(VIEW(handshake.data, handshake.size), VIEW_STR(HANDSHAKE)))
                return CKR_GENERAL_ERROR;
        pkcs11_session_close_all(c->connection);
        return CKR_OK;
}

uint32_t pkcs11_call_finalize(Pkcs11Call *c) {
        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        pkcs11_session_close_all(c->connection);
        c->last = true;
        return CKR_OK;
}

uint32_t pkcs11_call_get_info(Pkcs11Call *c) {
        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        pkcs11_write_version(&c->out, CRYPTOKI_MAJOR, CRYPTOKI_MINOR);
        pkcs11_write_text(&c->out, MANUFACTURER, MANUFACTURER_SIZE);
        pkcs11_write_ulong(&c->out, 0); /* flags */
        pkcs11_write_text(&c->out, DESCRIPTION, DESCRIPTION_SIZE);
        pkcs11_write_version(&c->out, LIBRARY_MAJOR, LIBRARY_MINOR);
        return CKR_OK;
}

/* --- Slot and token --- */

uint32_t pkcs11_call_get_slot_list(Pkcs11Call *c) {
        static const uint32_t slots[] = { PKCS11_SLOT };
        uint8_t with_token = pkcs11_read_byte(&c->in);
        uint32_t room = pkcs11_read_room(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        write_list(c, room, slots, with_token && !pkcs11_connection_newest(c->connection) ? 0 : 1);
        return CKR_OK;
}

/* The last argument of a call about the slot. */
static uint32_t read_slot(Pkcs11Call *c) {
        uint64_t slot = pkcs11_read_ulong(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        return slot == PKCS11_SLOT ? CKR_OK : CKR_SLOT_ID_INVALID;
}

/* That the device can be removed makes NSS look whether it is there, and so find the certificate of an enrolment
 * that came after its start, or of a renewal. */
uint32_t pkcs11_call_get_slot_info(Pkcs11Call *c) {
        uint32_t rv = read_slot(c);

        if (rv != CKR_OK)
                return rv;
        pkcs11_write_text(&c->out, DESCRIPTION, SLOT_DESCRIPTION_SIZE);
        pkcs11_write_text(&c->out, MANUFACTURER, MANUFACTURER_SIZE);
        pkcs11_write_ulong(&c->out, CKF_HW_SLOT | CKF_REMOVABLE_DEVICE |
                                    (pkcs11_connection_newest(c->connection) ? CKF_TOKEN_PRESENT : 0));
        pkcs11_write_version(&c->out, LIBRARY_MAJOR, LIBRARY_MINOR);
        pkcs11_write_version(&c->out, LIBRARY_MAJOR, LIBRARY_MINOR);
        return CKR_OK;
}

static void write_token_counts(Pkcs11Call *c) {
        const Pkcs11Connection *k = c->connection;
        size_t read_write = 0;

        for (size_t i = 0; i < k->n_sessions; i++)
                read_write += k->sessions[i]->read_write;
        pkcs11_write_ulong(&c->out, PKCS11_SESSIONS_MAX);
        pkcs11_write_ulong(&c->out, k->n_sessions);
        pkcs11_write_ulong(&c->out, PKCS11_SESSIONS_MAX);
        pkcs11_write_ulong(&c->out, read_write);
        pkcs11_write_ulong(&c->out, 0); /* the longest and the shortest PIN */
        pkcs11_write_ulong(&c->out, 0);
        for (unsigned i = 0; i < 4; i++) /* memory: public and private, all and free */
                pkcs11_write_ulong(&c->out, CK_UNAVAILABLE_INFORMATION);
}

uint32_t pkcs11_call_get_token_info(Pkcs11Call *c) {
        uint32_t rv = read_slot(c);
        char serial[PKCS11_SERIAL_SIZE + 1] = {};

        if (rv != CKR_OK)
                return rv;
        if (!pkcs11_connection_newest(c->connection))
                return CKR_TOKEN_NOT_PRESENT;
        memcpy(serial, pkcs11_token_serial(c->connection->token), PKCS11_SERIAL_SIZE);
        pkcs11_write_text(&c->out, LABEL, LABEL_SIZE);
        pkcs11_write_text(&c->out, MANUFACTURER, MANUFACTURER_SIZE);
        pkcs11_write_text(&c->out, MODEL, MODEL_SIZE);
        pkcs11_write_text(&c->out, serial, PKCS11_SERIAL_SIZE);
        pkcs11_write_ulong(&c->out, CKF_WRITE_PROTECTED | CKF_TOKEN_INITIALIZED);
        write_token_counts(c);
        pkcs11_write_version(&c->out, LIBRARY_MAJOR, LIBRARY_MINOR);
        pkcs11_write_version(&c->out, LIBRARY_MAJOR, LIBRARY_MINOR);
        pkcs11_write_text(&c->out, "", UTC_TIME_SIZE);
        return CKR_OK;
}

uint32_t pkcs11_call_get_mechanism_list(Pkcs11Call *c) {
        const Pkcs11Generation *g = pkcs11_connection_newest(c->connection);
        uint64_t slot = pkcs11_read_ulong(&c->in);
        uint32_t room = pkcs11_read_room(&c->in), types[PKCS11_MECHANISMS_MAX];

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (slot != PKCS11_SLOT)
                return CKR_SLOT_ID_INVALID;
        if (!g)
                return CKR_TOKEN_NOT_PRESENT;
        write_list(c, room, types, (uint32_t) pkcs11_mechanisms_of(pkcs11_generation_key(g)->type, types));
        return CKR_OK;
}

uint32_t pkcs11_call_get_mechanism_info(Pkcs11Call *c) {
        const Pkcs11Generation *g = pkcs11_connection_newest(c->connection);
        uint64_t slot = pkcs11_read_ulong(&c->in), type = pkcs11_read_ulong(&c->in);
        uint32_t min, max;

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (slot != PKCS11_SLOT)
                return CKR_SLOT_ID_INVALID;
        if (!g)
                return CKR_TOKEN_NOT_PRESENT;

        KeyType key = pkcs11_generation_key(g)->type;
        const Pkcs11MechanismInfo *info = type > UINT32_MAX ? NULL : pkcs11_mechanism_info(key, (uint32_t) type);
        if (!info)
                return CKR_MECHANISM_INVALID;
        pkcs11_mechanism_bits(key, &min, &max);
        pkcs11_write_ulong(&c->out, min);
        pkcs11_write_ulong(&c->out, max);
        pkcs11_write_ulong(&c->out, info->flags);
        return CKR_OK;
}

/* --- Sessions --- */

uint32_t pkcs11_call_open_session(Pkcs11Call *c) {
        uint64_t slot = pkcs11_read_ulong(&c->in), flags = pkcs11_read_ulong(&c->in);
        uint32_t id;

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (slot != PKCS11_SLOT)
                return CKR_SLOT_ID_INVALID;
        if ((flags & CKF_SERIAL_SESSION) == 0)
                return CKR_SESSION_PARALLEL_NOT_SUPPORTED;

        uint32_t rv = pkcs11_session_open(c->connection, flags & CKF_RW_SESSION, c->now, &id);
        if (rv == CKR_OK)
                pkcs11_write_ulong(&c->out, id);
        return rv;
}

uint32_t pkcs11_call_close_session(Pkcs11Call *c) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        pkcs11_session_close(c->connection, s);
        return CKR_OK;
}

uint32_t pkcs11_call_close_all_sessions(Pkcs11Call *c) {
        uint32_t rv = read_slot(c);

        if (rv == CKR_OK)
                pkcs11_session_close_all(c->connection);
        return rv;
}

/* NSS asks this to see whether its token is still the one it knows. */
uint32_t pkcs11_call_get_session_info(Pkcs11Call *c) {
        const Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s || pkcs11_session_stale(c->connection, s))
                return CKR_SESSION_HANDLE_INVALID;
        pkcs11_write_ulong(&c->out, PKCS11_SLOT);
        pkcs11_write_ulong(&c->out, s->read_write ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION);
        pkcs11_write_ulong(&c->out, CKF_SERIAL_SESSION | (s->read_write ? CKF_RW_SESSION : 0));
        pkcs11_write_ulong(&c->out, 0); /* no error */
        return CKR_OK;
}

/* There is nothing to log in to, but some clients cannot do without. */
uint32_t pkcs11_call_login(Pkcs11Call *c) {
        const Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        (void) pkcs11_read_ulong(&c->in); /* who, and the PIN */
        (void) pkcs11_read_data(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        return s ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

uint32_t pkcs11_call_logout(Pkcs11Call *c) {
        const Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        return s ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

/* --- Objects --- */

/* A client whose token was taken away looks for it again when it hears that it is gone. */
static uint32_t check_session(const Pkcs11Connection *c, const Pkcs11Session *s) {
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        return pkcs11_connection_newest(c) ? CKR_OK : CKR_DEVICE_REMOVED;
}

uint32_t pkcs11_call_get_object_size(Pkcs11Call *c) {
        const Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        uint64_t handle = pkcs11_read_ulong(&c->in);
        const Pkcs11Generation *g;

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        uint32_t rv = check_session(c->connection, s);
        if (rv != CKR_OK)
                return rv;
        const Pkcs11Object *o = pkcs11_token_object(c->connection->token, handle, c->now, &g);
        if (!o)
                return CKR_OBJECT_HANDLE_INVALID;
        pkcs11_write_ulong(&c->out, pkcs11_object_size(o));
        return CKR_OK;
}

/* One attribute, and what is to be said of it. */
static uint32_t write_value(Pkcs11Writer *out, const Pkcs11Object *o, const Pkcs11Wanted *wanted) {
        const Pkcs11Attribute *a = pkcs11_object_attribute(o, wanted->type);

        if (!a) {
                pkcs11_write_attribute_none(out, wanted->type);
                return pkcs11_object_is_secret(o, wanted->type) ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID;
        }
        if (wanted->room == 0)
                pkcs11_write_attribute_size(out, wanted->type, a->value.size);
        else if (wanted->room < a->value.size || wanted->room == PKCS11_NULL) {
                pkcs11_write_attribute_none(out, wanted->type);
                return CKR_BUFFER_TOO_SMALL;
        } else
                pkcs11_write_attribute(out, wanted->type, a->value);
        return CKR_OK;
}

/* Which of two results to tell. GnuTLS reads attributes that are not there when it hears anything else than that
 * one is missing. */
static uint32_t worse(uint32_t a, uint32_t b) {
        static const uint32_t order[] = { CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE, CKR_BUFFER_TOO_SMALL };

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                if (a == order[i] || b == order[i])
                        return order[i];
        return CKR_OK;
}

uint32_t pkcs11_call_get_attribute_value(Pkcs11Call *c) {
        const Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        uint64_t handle = pkcs11_read_ulong(&c->in);
        const Pkcs11Generation *g;
        Pkcs11WantedList wanted;

        pkcs11_read_wanted(&c->in, &wanted);
        if (wanted.too_many || !pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        uint32_t rv = check_session(c->connection, s);
        if (rv != CKR_OK)
                return rv;
        const Pkcs11Object *o = pkcs11_token_object(c->connection->token, handle, c->now, &g);
        if (!o)
                return CKR_OBJECT_HANDLE_INVALID;
        pkcs11_write_attributes(&c->out, (uint32_t) wanted.n);
        for (size_t i = 0; i < wanted.n; i++)
                rv = worse(rv, write_value(&c->out, o, &wanted.items[i]));
        pkcs11_write_ulong(&c->out, rv);
        return CKR_OK;
}

uint32_t pkcs11_call_find_objects_init(Pkcs11Call *c) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        Pkcs11Template what;

        pkcs11_read_template(&c->in, &what);
        if (what.too_many || !pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        uint32_t rv = check_session(c->connection, s);
        if (rv != CKR_OK)
                return rv;
        if (s->searching)
                return CKR_OPERATION_ACTIVE;
        s->searching = true;
        s->n_found = pkcs11_token_find(c->connection->token, &what, s->found);
        s->n_told = 0;
        return CKR_OK;
}

uint32_t pkcs11_call_find_objects(Pkcs11Call *c) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        uint32_t room = pkcs11_read_room(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        if (!s->searching)
                return CKR_OPERATION_NOT_INITIALIZED;
        uint32_t n = (uint32_t) MIN_OF(s->n_found - s->n_told, (size_t) room);
        pkcs11_write_ulongs(&c->out, s->found + s->n_told, n); /* a list even if empty: else it is a buffer too small */
        s->n_told += n;
        return CKR_OK;
}

uint32_t pkcs11_call_find_objects_final(Pkcs11Call *c) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        if (!s->searching)
                return CKR_OPERATION_NOT_INITIALIZED;
        s->searching = false;
        return CKR_OK;
}
