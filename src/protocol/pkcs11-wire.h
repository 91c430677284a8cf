/* SPDX-License-Identifier: MIT */
#pragma once

/* p11-kit's RPC protocol, as p11-kit-client 0.23 to 0.26 speak it: frames, arguments, attributes, mechanisms. All
 * numbers are big-endian. We always answer with version 0.
 *
 *      frame  u32 code (not 0, the client's choice), u32 size of the options, u32 size of the body, options, body
 *      body   u32 call, bytes signature, arguments
 *      bytes  u32 size, that many bytes; size 0xffffffff: NULL
 *
 * Reader and writer know the signature of what they read and write: an argument that is not the next one of it
 * fails them. */
#include "shared/bytes.h"

#define PKCS11_FRAME_MAX (64U * 1024)  /* bytes, header and all, that a client may send */
#define PKCS11_FRAME_HEADER 12U        /* code, size of the options, size of the body */
#define PKCS11_VERSION 0U              /* what we answer to any version byte */
#define PKCS11_REPLY_MAX (128U * 1024) /* bytes of a frame of ours */
#define PKCS11_SIGNATURE_MAX 32U       /* letters; the longest one of the protocol has 17 */
#define PKCS11_TEMPLATE_MAX 64U        /* attributes in one call, those in nested templates too */
#define PKCS11_NESTING_MAX 2U          /* templates within templates; those are skipped, never kept */
#define PKCS11_INPUT_MAX (32U * 1024)  /* bytes to sign or to decrypt in one call */
#define PKCS11_SESSIONS_MAX 64U        /* of one connection */

#define PKCS11_NULL UINT32_MAX         /* the size that stands for NULL */

/* How long the frame is that input begins with: 0 and the size, which may be more than there is; -EAGAIN: the
 * header is not whole; -EBADMSG: no frame (code 0), or one beyond PKCS11_FRAME_MAX. */
int pkcs11_frame_size(ByteView input, size_t *ret);

/* --- Requests --- */

typedef struct Pkcs11Reader {
        ByteReader bytes;
        const char *signature; /* what is still to be read of it */
} Pkcs11Reader;

typedef struct Pkcs11Request {
        uint32_t code, call;
        ByteView signature;
        ByteView arguments;
} Pkcs11Request;

/* frame: all of one. -EBADMSG: there is no call in it. */
int pkcs11_request_read(ByteView frame, Pkcs11Request *ret);
/* A failed reader if the request has another signature than it should. */
Pkcs11Reader pkcs11_request_arguments(const Pkcs11Request *q, const char *signature);
bool pkcs11_reader_done(const Pkcs11Reader *r); /* nothing failed, nothing is left over */

/* "ay": the bytes, or NULL of a size that the client names. */
typedef struct Pkcs11Data {
        bool null;
        size_t size;
        const uint8_t *data;
} Pkcs11Data;

/* A type and room for its value: one of "fA". */
typedef struct Pkcs11Wanted {
        uint32_t type;
        uint32_t room; /* 0: only the size is asked for */
} Pkcs11Wanted;

typedef struct Pkcs11WantedList {
        Pkcs11Wanted items[PKCS11_TEMPLATE_MAX];
        size_t n;
        bool too_many; /* the reader has not failed, nor is it done: there is nothing to answer but an error */
} Pkcs11WantedList;

/* value: as it lies on the wire without its count: a CK_ULONG is 8 bytes, a CK_BBOOL one, a date 8 characters, a
 * mechanism of a list 8 bytes; so its size is what PKCS#11 calls ulValueLen. */
typedef struct Pkcs11Attribute {
        uint32_t type;
        ByteView value;
} Pkcs11Attribute;

typedef struct Pkcs11Template {
        Pkcs11Attribute items[PKCS11_TEMPLATE_MAX];
        size_t n;
        bool too_many;    /* as above */
        bool unmatchable; /* an attribute without value, or of a form that no object here has: it ends the reading */
} Pkcs11Template;

/* CK_MECHANISM. What its parameter says is not judged here. */
typedef struct Pkcs11Mechanism {
        uint32_t type;
        bool cancel;    /* C_…Init with NULL in its place; type is no type */
        bool parameter; /* there is one */
        bool unknown;   /* it has an encoding that we do not know: these are 0 */
        uint64_t hash, mgf;
        uint64_t salt;   /* …_PSS */
        uint64_t source; /* OAEP */
        ByteView label;
} Pkcs11Mechanism;

uint8_t pkcs11_read_byte(Pkcs11Reader *r);       /* y */
uint64_t pkcs11_read_ulong(Pkcs11Reader *r);     /* u */
Pkcs11Data pkcs11_read_data(Pkcs11Reader *r);    /* ay */
uint32_t pkcs11_read_room(Pkcs11Reader *r);      /* fy, fu: 0 also for an empty buffer that is not NULL */
void pkcs11_read_wanted(Pkcs11Reader *r, Pkcs11WantedList *ret);   /* fA; the last argument */
void pkcs11_read_template(Pkcs11Reader *r, Pkcs11Template *ret);   /* aA; the last argument */
void pkcs11_read_mechanism(Pkcs11Reader *r, Pkcs11Mechanism *ret); /* M; one "u" follows */

/* --- Replies --- */

/* It grows, up to PKCS11_REPLY_MAX. After a failure nothing is written any more. */
typedef struct Pkcs11Writer {
        ByteWriter bytes;
        const char *signature;
        int error; /* -E2BIG, -ENOMEM; -EPROTO: not what the signature says */
} Pkcs11Writer;

void pkcs11_writer_done(Pkcs11Writer *w); /* wipes */
#define _cleanup_pkcs11_writer_ _cleanup_(pkcs11_writer_done)

void pkcs11_reply_begin(Pkcs11Writer *w, uint32_t code, uint32_t call, const char *signature);
int pkcs11_reply_end(Pkcs11Writer *w, Bytes *ret); /* the frame; or the writer's error */
int pkcs11_error_reply(uint32_t code, uint32_t rv, Bytes *ret); /* rv: not CKR_OK */

void pkcs11_write_byte(Pkcs11Writer *w, uint8_t v);                         /* y */
void pkcs11_write_ulong(Pkcs11Writer *w, uint64_t v);                       /* u */
void pkcs11_write_version(Pkcs11Writer *w, uint8_t major, uint8_t minor);   /* v */
void pkcs11_write_text(Pkcs11Writer *w, const char *text, size_t size);     /* s: cut, or padded with spaces */
void pkcs11_write_data(Pkcs11Writer *w, ByteView v);                        /* ay */
void pkcs11_write_data_size(Pkcs11Writer *w, uint32_t size);                /* ay: how long it would be */
void pkcs11_write_ulongs(Pkcs11Writer *w, const uint32_t *v, uint32_t n);   /* au */
void pkcs11_write_ulongs_count(Pkcs11Writer *w, uint32_t n);                /* au: how many there are */

/* aA: its head, then each attribute of those n. */
void pkcs11_write_attributes(Pkcs11Writer *w, uint32_t n);
void pkcs11_write_attribute(Pkcs11Writer *w, uint32_t type, ByteView value);
void pkcs11_write_attribute_size(Pkcs11Writer *w, uint32_t type, size_t size); /* how long the value would be */
void pkcs11_write_attribute_none(Pkcs11Writer *w, uint32_t type);              /* not to be had */
