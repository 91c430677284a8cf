/* SPDX-License-Identifier: MIT */
#pragma once

/* The TPM and the one device key that is loaded in it: opened when they are asked for, kept while they are in use,
 * given back by whoever sees that they are not. */
#include "protocol/token-operation.h"
#include "shared/tpm-key.h"

#define DEVICE_KEY_TEXT_MAX (TPM_TEXT_MAX + 64U)

typedef struct DeviceKey {
        const char *tcti, *state_dir; /* as the command line says; tcti may be NULL */
        TpmDevice *tpm;               /* NULL: not open */
        TpmKey key;                   /* none unless key.device */
        PublicKey public;
        uint8_t hash[32];             /* of its SubjectPublicKeyInfo */
        uint64_t generation;
        char error[DEVICE_KEY_TEXT_MAX]; /* what went wrong last, for people */
} DeviceKey;

/* Loads that key of that generation if it is not the one that is there. TOKEN_OK, TOKEN_KEY_GONE, TOKEN_NO_TPM,
 * TOKEN_LOCKOUT, TOKEN_FAILED. */
TokenStatus device_key_use(DeviceKey *d, uint64_t generation, const uint8_t hash[static 32]);
/* Flushes the key and closes the TPM. */
void device_key_release(DeviceKey *d);
/* Of what the TPM refused just now. */
TokenStatus device_key_fail(DeviceKey *d, int error);
