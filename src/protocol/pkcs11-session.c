/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-session.h"

#include "protocol/pkcs11-calls.h"
#include "protocol/pkcs11-operations.h"

/* --- The calls --- */

typedef struct Entry {
        const char *request, *reply; /* signatures */
        Pkcs11Function function;
        uint32_t refusal;            /* without a function: the answer, whatever the arguments */
} Entry;

/* p11-kit's numbers. What is not in the table is not supported: among that all that waits (C_WaitForSlotEvent),
 * verifies, digests, encrypts, or has come with PKCS#11 3.0. */
static const Entry entries[] = {
        [1] = { "ayyay", "", pkcs11_call_initialize },
        [2] = { "", "", pkcs11_call_finalize },
        [3] = { "", "vsusv", pkcs11_call_get_info },
        [4] = { "yfu", "au", pkcs11_call_get_slot_list },
        [5] = { "u", "ssuvv", pkcs11_call_get_slot_info },
        [6] = { "u", "ssssuuuuuuuuuuuvvs", pkcs11_call_get_token_info },
        [7] = { "ufu", "au", pkcs11_call_get_mechanism_list },
        [8] = { "uu", "uuu", pkcs11_call_get_mechanism_info },
        [9] = { .refusal = CKR_TOKEN_WRITE_PROTECTED },  /* C_InitToken */
        [10] = { "uu", "u", pkcs11_call_open_session },
        [11] = { "u", "", pkcs11_call_close_session },
        [12] = { "u", "", pkcs11_call_close_all_sessions },
        [13] = { "u", "uuuu", pkcs11_call_get_session_info },
        [14] = { .refusal = CKR_TOKEN_WRITE_PROTECTED }, /* C_InitPIN */
        [15] = { .refusal = CKR_TOKEN_WRITE_PROTECTED }, /* C_SetPIN */
        [18] = { "uuay", "", pkcs11_call_login },
        [19] = { "u", "", pkcs11_call_logout },
        [20] = { .refusal = CKR_TOKEN_WRITE_PROTECTED }, /* C_CreateObject */
        [21] = { .refusal = CKR_TOKEN_WRITE_PROTECTED }, /* C_CopyObject */
        [22] = { .refusal = CKR_TOKEN_WRITE_PROTECTED }, /* C_DestroyObject */
        [23] = { "uu", "u", pkcs11_call_get_object_size },
        [24] = { "uufA", "aAu", pkcs11_call_get_attribute_value },
        [25] = { .refusal = CKR_TOKEN_WRITE_PROTECTED }, /* C_SetAttributeValue */
        [26] = { "uaA", "", pkcs11_call_find_objects_init },
        [27] = { "ufu", "au", pkcs11_call_find_objects },
        [28] = { "u", "", pkcs11_call_find_objects_final },
        [33] = { "uMu", "", pkcs11_call_decrypt_init },
        [34] = { "uayfy", "ay", pkcs11_call_decrypt },
        [42] = { "uMu", "", pkcs11_call_sign_init },
        [43] = { "uayfy", "ay", pkcs11_call_sign },
        [44] = { "uay", "", pkcs11_call_sign_update },
        [45] = { "ufy", "ay", pkcs11_call_sign_final },
        [63] = { .refusal = CKR_RANDOM_NO_RNG },         /* C_SeedRandom */
        [64] = { .refusal = CKR_RANDOM_NO_RNG },         /* C_GenerateRandom */
};

static const Entry *find_entry(uint32_t call) {
        static const Entry none = { .refusal = CKR_FUNCTION_NOT_SUPPORTED };

        if (call >= ELEMENTSOF(entries) || (!entries[call].function && entries[call].refusal == 0))
                return &none;
        return &entries[call];
}

/* --- Connections --- */

int pkcs11_connection_new(Pkcs11Token *token, bool shown, Pkcs11Connection **ret) {
        Pkcs11Connection *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->token = token;
        c->shown = shown;
        *ret = c;
        return 0;
}

Pkcs11Connection *pkcs11_connection_free(Pkcs11Connection *c) {
        if (!c)
                return NULL;
        pkcs11_session_close_all(c);
        free(c);
        return NULL;
}

void pkcs11_connection_show(Pkcs11Connection *c, bool shown) {
        c->shown = shown;
}

/* --- Answers --- */

/* What was written, or an error in its place. */
static int end_reply(Pkcs11Writer *out, uint32_t code, uint32_t rv, Bytes *ret) {
        if (rv == CKR_OK) {
                int r = pkcs11_reply_end(out, ret);
                if (r != -E2BIG)
                        return r;
                rv = CKR_DEVICE_MEMORY; /* the same long attribute again and again */
        }
        return pkcs11_error_reply(code, rv, ret);
}

static uint32_t run_call(Pkcs11Call *call, const Pkcs11Request *q) {
        const Entry *e = find_entry(q->call);

        if (!e->function)
                return e->refusal;
        call->in = pkcs11_request_arguments(q, e->request);
        if (call->in.bytes.failed)
                return CKR_ARGUMENTS_BAD;
        pkcs11_reply_begin(&call->out, q->code, q->call, e->reply);
        return e->function(call);
}

int pkcs11_connection_handle(Pkcs11Connection *c, ByteView frame, int64_t now, Pkcs11Answer *ret, Bytes *ret_reply,
                             TokenOperation *ret_operation) {
        Pkcs11Call call = { .connection = c, .now = now, .operation = ret_operation };
        Pkcs11Request q;
        int r;

        if (c->pending)
                return -EBUSY;
        r = pkcs11_request_read(frame, &q);
        if (r < 0)
                return r;

        uint32_t rv = run_call(&call, &q);
        if (c->pending) {
                c->pending_code = q.code;
                c->pending_call = q.call;
                pkcs11_writer_done(&call.out);
                *ret = PKCS11_ANSWER_OPERATION;
                return 0;
        }
        r = end_reply(&call.out, q.code, rv, ret_reply);
        pkcs11_writer_done(&call.out);
        if (r >= 0)
                *ret = call.last ? PKCS11_ANSWER_LAST : PKCS11_ANSWER_REPLY;
        return r;
}

int pkcs11_connection_complete(Pkcs11Connection *c, const TokenResult *result, Bytes *ret_reply) {
        _cleanup_pkcs11_writer_ Pkcs11Writer out = {};
        Pkcs11Active *active = TAKE_PTR(c->pending);

        if (!active)
                return -EINVAL;
        pkcs11_reply_begin(&out, c->pending_code, c->pending_call, find_entry(c->pending_call)->reply);
        uint32_t rv = pkcs11_operation_result(active, result, &out);
        return end_reply(&out, c->pending_code, rv, ret_reply);
}
