/* SPDX-License-Identifier: MIT */
#pragma once

/* One client of the p11-kit socket: its sessions, searches and operations. Frames in, frames out; what needs the
 * key is handed out as an operation, and its result handed in. */
#include "protocol/pkcs11-objects.h"

typedef struct Pkcs11Connection Pkcs11Connection;

/* shown: this client may see the token; else it gets a slot that stays empty. token outlives the connection. */
int pkcs11_connection_new(Pkcs11Token *token, bool shown, Pkcs11Connection **ret);
Pkcs11Connection *pkcs11_connection_free(Pkcs11Connection *c); /* wipes what was to be signed */
DEFINE_TRIVIAL_CLEANUP_FUNC(Pkcs11Connection *, pkcs11_connection_free);
/* From now on: as if the token was put in or pulled out. An operation that is under way is answered. */
void pkcs11_connection_show(Pkcs11Connection *c, bool shown);

typedef enum Pkcs11Answer {
        PKCS11_ANSWER_REPLY = 0,     /* send the reply */
        PKCS11_ANSWER_OPERATION = 1, /* run the operation; its result makes the reply. No frame is handled until then */
        PKCS11_ANSWER_LAST = 2,      /* send the reply, then close */
} Pkcs11Answer;

/* frame: one whole frame as pkcs11_frame_size() (pkcs11-wire) counted it. now: seconds since the epoch, to tell
 * which old keys may still be used. ret_reply is a whole frame. -EBADMSG: close, there is nothing to say; -EBUSY: an
 * operation is under way; -ENOMEM.
 *
 * A connection may begin in the middle of a client's life: one that was kept over a restart. So no call demands
 * C_Initialize before it, and numbers of sessions begin where now says, so that old ones are unknown. */
int pkcs11_connection_handle(Pkcs11Connection *c, ByteView frame, int64_t now, Pkcs11Answer *ret, Bytes *ret_reply,
                             TokenOperation *ret_operation);
/* The result of the operation that was handed out. ret_reply is a whole frame. -EINVAL: there was none; -ENOMEM */
int pkcs11_connection_complete(Pkcs11Connection *c, const TokenResult *result, Bytes *ret_reply);
