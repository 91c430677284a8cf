/* SPDX-License-Identifier: MIT */
#pragma once

/* Endorsement keys: which there are, and how to have one in the TPM. TCG EK Credential Profile, section 2.2 (NV
 * indices) and annex B (templates). */
#include "protocol/ek-certificate.h"
#include "protocol/helper-wire.h"
#include "protocol/nv-chain.h"
#include "protocol/tpm-templates.h"
#include "shared/tpm-key.h"

typedef struct TpmEk {
        EkTemplate template;
        Bytes certificate; /* DER, trimmed; empty: the TPM has none for this EK */
        PublicKey key;
} TpmEk;

void tpm_ek_done(TpmEk *e);
#define _cleanup_tpm_ek_ _cleanup_(tpm_ek_done)

/* Of the wanted kind, in the order of preference of EkTemplate: the first that has a certificate, else the first
 * that the TPM can make. -ENOENT: there is none. */
int tpm_ek_find(TpmDevice *t, JobEk kind, TpmEk *ret);

/* What the TPM keeps of certificates above its EKs': DER each. None is no error, and neither is what cannot be
 * read of them. */
typedef struct TpmEkChain {
        Bytes content; /* of the NV memory, into which certificates point */
        ByteView certificates[NV_CHAIN_CERTIFICATES_MAX];
        size_t n;
} TpmEkChain;

void tpm_ek_chain_done(TpmEkChain *c);
#define _cleanup_tpm_ek_chain_ _cleanup_(tpm_ek_chain_done)

int tpm_ek_chain_read(TpmDevice *t, TpmEkChain *ret);

/* Loads it: the persistent one if it is this key, else made anew from template, nonce and template NV index, so
 * that the result is the key of the certificate. -ENOENT: the TPM makes another key from all of them. */
int tpm_ek_open(TpmDevice *t, const TpmEk *ek, TpmKey *ret);
