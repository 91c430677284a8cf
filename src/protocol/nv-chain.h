/* SPDX-License-Identifier: MIT */
#pragma once

/* The certificates above an EK's that some TPMs keep in NV memory (Intel's from 0x01c00100 on): DER, one after the
 * other, running on from one index to the next, with whatever fills the rest of an index between them. */
#include "shared/bytes.h"

#define NV_CHAIN_FIRST 0x01c00100U
#define NV_CHAIN_LAST 0x01c001ffU
#define NV_CHAIN_INDICES_MAX 16U
#define NV_CHAIN_SIZE_MAX (32U * 1024)    /* bytes in all indices */
#define NV_CHAIN_CERTIFICATES_MAX 7U      /* beside one of the EK in a request */

/* content: of all indices, in their order. ret: views into it, outer structure checked only. What is no certificate
 * is passed over; what is cut off, and whatever comes after as many as there is room for, is left out. Returns how
 * many there are. */
size_t nv_chain_split(ByteView content, ByteView ret[static NV_CHAIN_CERTIFICATES_MAX]);
