/* SPDX-License-Identifier: MIT */
#pragma once

/* What a TPM with a P-256 EK does in ActivateCredential, in software. */
#include <stddef.h>
#include <stdint.h>

#define SOFT_EK_NAME_SIZE 34U  /* nameAlg SHA-256, digest */
#define SOFT_EK_SECRET_SIZE 32U

typedef struct SoftEk SoftEk;

/* scalar: the private key; point: x and y of the public one. */
SoftEk *soft_ek_new(const uint8_t scalar[static 32], const uint8_t point[static 64]);
SoftEk *soft_ek_free(SoftEk *ek);
/* credential and encrypted secret as the server gives them. -EBADMSG: not for this EK and name. */
int soft_ek_activate(SoftEk *ek, const uint8_t name[static SOFT_EK_NAME_SIZE], const uint8_t *credential,
                     size_t n_credential, const uint8_t *secret, size_t n_secret,
                     uint8_t ret[static SOFT_EK_SECRET_SIZE]);
