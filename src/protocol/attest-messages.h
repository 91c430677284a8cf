/* SPDX-License-Identifier: MIT */
#pragma once

/* The JSON bodies of POST /attest and POST /secret, for both ends. Binary members are standard base64 with
 * padding. Unknown members are ignored; null is an error. Every parser: -EBADMSG malformed or incomplete,
 * -E2BIG beyond a limit, -ENOMEM. */
#include "protocol/ek-certificate.h"

#define ATTEST_BODY_MAX (64U * 1024)          /* bytes of any of these bodies */
#define ATTEST_DEPTH_MAX 8U
#define ATTEST_EK_CERTIFICATES_MAX EK_CERTIFICATES_MAX
#define ATTEST_EK_CERTIFICATE_MAX EK_CERTIFICATE_SIZE_MAX
#define ATTEST_EK_MAX 2048U                   /* SubjectPublicKeyInfo */
#define ATTEST_BLOB_MAX 1024U                 /* public, createData, createAttestation */
#define ATTEST_SIGNATURE_MAX 1200U
#define ATTEST_TPM_TEXT_MAX 256U              /* each text of tpmInfo */
#define ATTEST_SECRET_SIZE 32U                /* exactly */
#define ATTEST_CREDENTIAL_MAX 256U            /* TPM2B_ID_OBJECT */
#define ATTEST_ENCRYPTED_SECRET_MAX 1024U     /* TPM2B_ENCRYPTED_SECRET */
#define ATTEST_CHAIN_MAX 8U                   /* certificates of an answer */
#define ATTEST_CHAIN_CERTIFICATE_MAX (16U * 1024)
#define ATTEST_ERROR_TOKEN_MAX 64U
#define ATTEST_ERROR_DETAIL_MAX 1024U

/* The client's word about its TPM: carried, never trusted. Strings may contain U+0000 (they really do). */
typedef struct AttestTpmInfo {
        int64_t version;                      /* 2: TPM 2.0; 0: not said */
        Bytes manufacturer, model, firmware_version;
} AttestTpmInfo;

typedef struct AttestRequest {
        AttestTpmInfo tpm_info;               /* all empty if the client sends none */
        Bytes ek;                             /* SubjectPublicKeyInfo */
        Bytes ek_certificates[ATTEST_EK_CERTIFICATES_MAX];
        size_t n_ek_certificates;
        Bytes ak_public;                      /* TPMT_PUBLIC */
        Bytes create_data;                    /* TPMS_CREATION_DATA */
        Bytes create_attestation;             /* TPMS_ATTEST */
        Bytes create_signature;               /* TPMT_SIGNATURE */
} AttestRequest;

void attest_request_done(AttestRequest *r);
#define _cleanup_attest_request_ _cleanup_(attest_request_done)

int attest_request_parse(ByteView body, AttestRequest *ret);
int attest_request_build(const AttestRequest *r, Bytes *ret_body);

/* The answer to /attest. Both blobs carry their own two-byte size prefix; parsing compares it. */
typedef struct AttestReply {
        Bytes credential;                     /* TPM2B_ID_OBJECT */
        Bytes encrypted_secret;               /* TPM2B_ENCRYPTED_SECRET */
} AttestReply;

void attest_reply_done(AttestReply *r);
#define _cleanup_attest_reply_ _cleanup_(attest_reply_done)

int attest_reply_build(ByteView credential, ByteView encrypted_secret, Bytes *ret_body);
int attest_reply_parse(ByteView body, AttestReply *ret);

int secret_request_parse(ByteView body, uint8_t ret[static ATTEST_SECRET_SIZE]);
int secret_request_build(const uint8_t secret[static ATTEST_SECRET_SIZE], Bytes *ret_body);

/* The answer to /secret: DER certificates, leaf first, at least one. */
typedef struct SecretReply {
        Bytes chain[ATTEST_CHAIN_MAX];
        size_t n_chain;
} SecretReply;

void secret_reply_done(SecretReply *r);
#define _cleanup_secret_reply_ _cleanup_(secret_reply_done)

int secret_reply_build(const ByteView *chain, size_t n_chain, Bytes *ret_body);
int secret_reply_parse(ByteView body, SecretReply *ret);

/* {"error","detail"} of every other answer. What is parsed is a stranger's text: escape it. */
typedef struct AttestError {
        char *error;                          /* a token: "malformed" */
        char *detail;                         /* for people; "" if there is none */
} AttestError;

void attest_error_done(AttestError *e);
#define _cleanup_attest_error_ _cleanup_(attest_error_done)

int attest_error_build(const char *error, const char *detail, Bytes *ret_body);
int attest_error_parse(ByteView body, AttestError *ret);
