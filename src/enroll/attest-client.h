/* SPDX-License-Identifier: MIT */
#pragma once

/* The attestation server, seen by a device: POST /attest, POST /secret. */
#include "enroll/chain.h"
#include "enroll/https.h"
#include "protocol/attest-messages.h"

int attest_client_attest(Https *h, const char *base_url, const AttestRequest *request, AttestReply *ret, Failure *f);
/* -EACCES with OUTCOME_UNKNOWN_DEVICE: refused; the caller knows the device and says more. */
int attest_client_secret(Https *h, const char *base_url, ByteView secret, Chain *ret, Failure *f);
