/* SPDX-License-Identifier: MIT */
#pragma once

/* TSS2 PRIVATE KEY (draft "ASN.1 Specification for TPM 2.0 Key Files"): a TPM key's two blobs, wrapped by a
 * parent that is a persistent handle or a hierarchy's storage primary. */
#include "shared/bytes.h"

#define KEY_FILE_MAX (16U * 1024)         /* bytes of a file */
#define KEY_FILE_BLOB_MAX 4096U           /* TPM2B_PUBLIC, TPM2B_PRIVATE */
#define KEY_FILE_DESCRIPTION_MAX 256U
#define KEY_FILE_POLICY_MAX 16U           /* commands of a policy, policies of an authPolicy */

#define KEY_FILE_PARENT_OWNER 0x40000001U /* ECC P-256 storage primary, unless rsa_parent */
#define KEY_FILE_PARENT_SRK 0x81000001U

typedef struct KeyFile {
        uint32_t parent;      /* owner, endorsement or platform hierarchy, or 0x81xxxxxx */
        bool empty_auth;
        bool rsa_parent;      /* a hierarchy's primary is RSA-2048 */
        bool has_policy;      /* parsed files only: such a key is not usable without it */
        char *description;    /* NULL: none */
        Bytes public_blob;    /* TPM2B_PUBLIC, its size first */
        Bytes private_blob;   /* TPM2B_PRIVATE, its size first */
} KeyFile;

void key_file_done(KeyFile *k);
#define _cleanup_key_file_ _cleanup_(key_file_done)

/* Loadable keys without policy only. -EINVAL: a parent or a blob that cannot be. */
int key_file_build_der(const KeyFile *k, Bytes *ret);
int key_file_build_pem(const KeyFile *k, Bytes *ret);

/* PEM, with text around it allowed, or DER. -EBADMSG malformed, -ENOTSUP importable and sealed keys. */
int key_file_parse(ByteView file, KeyFile *ret);
