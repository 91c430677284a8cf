/* SPDX-License-Identifier: MIT */
#pragma once

/* One operation, from what was asked to the answer. */
#include "tpm-signer/device-key.h"

/* Whatever went wrong is in ret->status, and for people in d->error. */
void perform(DeviceKey *d, const TokenOperation *o, TokenResult *ret);
